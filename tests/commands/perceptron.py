"""A training script as anybody may have one: a perceptron on words, in plain Python, without a line of stabbench."""

import argparse
import csv
import json
import random
import sys
from collections import defaultdict
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--lr", type=float, default=1.0)
parser.add_argument("--epochs", type=int, default=2)
args = parser.parse_args()


def rows(split: str) -> list[dict[str, str]]:
    with (args.data / f"{split}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


random.seed(args.seed)
weights: dict[str, float] = defaultdict(lambda: random.gauss(0, 1))
train = rows("train")
for _ in range(args.epochs):
    random.shuffle(train)
    for row in train:
        words, label = row["text_a"].split(), int(row["label"])
        if (sum(weights[word] for word in words) > 0) != label:
            for word in words:
                weights[word] += args.lr if label else -args.lr

dev = rows("dev")
predictions = [int(sum(weights[word] for word in row["text_a"].split()) > 0) for row in dev]
right = sum(int(row["label"]) == prediction for row, prediction in zip(dev, predictions, strict=True))
with (args.out / "predictions.csv").open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["example", "label", "prediction"])
    writer.writerows((row["example"], row["label"], guess) for row, guess in zip(dev, predictions, strict=True))
(args.out / "stabbench.json").write_text(
    json.dumps({"format": 1, "metric": "accuracy", "score": right / len(dev), "total_steps": args.epochs * len(train)})
)
sys.stdout.write(f"seed {args.seed}: accuracy {right / len(dev):.3f}\n")
