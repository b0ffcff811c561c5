#!/usr/bin/env bash
# rliable 1.2.0: what pip installs for it (arch 7.2.0, pandas 3.1.1) is allowed by every requirement and cannot be imported.
#
# Behaviour: rliable asks for arch<8 and pandas>=1.0, arch 7.2.0 sets pandas no upper bound, so pip is content. arch uses pandas' private
# decorator deprecate_kwarg, which takes a further argument since pandas 3: importing rliable.library raises a TypeError. With pandas
# 2.3.3 the same versions work. Who adds rliable to a project with pandas 3 has to choose between the two.
#
# Output seen:
#   pandas 3.1.1: TypeError: deprecate_kwarg() missing 1 required positional argument: 'new_arg_name'
#   pandas 2.3.3: interquartile mean of 1, 2, 3, 4: 2.5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
for pandas in 3.1.1 2.3.3; do
  venv/bin/pip install --quiet --disable-pip-version-check rliable==1.2.0 arch==7.2.0 "pandas==$pandas" numpy==2.4.6 scipy==1.17.1 \
    statsmodels==0.15.0 2>pip.log || { cat pip.log >&2; exit 2; }
  venv/bin/python - <<'PYTHON' | tee -a seen
import pandas

try:
    from rliable import library, metrics  # library brings arch
    import numpy
    found = f"interquartile mean of 1, 2, 3, 4: {metrics.aggregate_iqm(numpy.array([[1.0], [2.0], [3.0], [4.0]]))}"
except TypeError as error:
    found = f"TypeError: {error}"
print(f"pandas {pandas.__version__}: {found}")
PYTHON
done
cat >expected <<'TEXT'
pandas 3.1.1: TypeError: deprecate_kwarg() missing 1 required positional argument: 'new_arg_name'
pandas 2.3.3: interquartile mean of 1, 2, 3, 4: 2.5
TEXT
diff seen expected
