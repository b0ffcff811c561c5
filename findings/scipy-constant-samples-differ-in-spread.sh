#!/usr/bin/env bash
# scipy 1.17.1 with numpy 2.4.6: tests of equal variances find a highly significant difference between two constant samples.
#
# Behaviour: scores of a seed that changes nothing are one number n times. Its mean is off in the last bit, so the deviations from it are
# 1e-17 or 1e-16 and not 0, and the two samples' rounding differs. levene(center="mean"), bartlett and fligner then give p-values down
# to 0; which values and sizes do so is a matter of last bits. One expects nan or p = 1 where both samples have no spread: compare
# deviations with the scores' own grid before testing.
#
# Output seen:
#   25 x 0.1 against 25 x 0.3: levene mean p = 0, levene median p = nan
#   25 x 0.1 against 10 x 0.81: levene mean p = 0, bartlett p = 3.5e-14, fligner p = 5.5e-09
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 2>pip.log || { cat pip.log >&2; exit 2; }
cat >constant.py <<'PYTHON'
import math
import sys

import numpy as np
from scipy import stats

first, second = np.full(25, 0.1), np.full(25, 0.3)
mean, median = (stats.levene(first, second, center=centre).pvalue for centre in ("mean", "median"))
print(f"25 x 0.1 against 25 x 0.3: levene mean p = {mean:.2g}, levene median p = {median:.2g}")
first, second = np.full(25, 0.1), np.full(10, 0.81)
levene, bartlett, fligner = (
    stats.levene(first, second, center="mean").pvalue,
    stats.bartlett(first, second).pvalue,
    stats.fligner(first, second).pvalue,
)
print(
    f"25 x 0.1 against 10 x 0.81: levene mean p = {levene:.2g}, bartlett p = {bartlett:.2g}, fligner p = {fligner:.2g}"
)
as_seen = mean == 0 and math.isnan(median) and max(levene, bartlett, fligner) < 1e-8
sys.exit(0 if as_seen else 1)
PYTHON
venv/bin/python -W ignore constant.py
