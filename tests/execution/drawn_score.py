"""A training script that trains nothing: its score is drawn by the seed, as far around 0.6 as it is told."""

import argparse
import json
import random
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--spread", type=float, required=True)
parser.add_argument("--name", required=True)
args = parser.parse_args()

if (Path(__file__).parent / f"broken-{args.seed}").exists():
    raise SystemExit(f"seed {args.seed} is broken")
score = 0.6 + args.spread * random.Random(f"{args.name} {args.seed}").gauss(0, 1)
(args.out / "stabbench.json").write_text(json.dumps({"format": 1, "metric": "accuracy", "score": score}))
