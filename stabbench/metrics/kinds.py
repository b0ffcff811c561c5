"""What is known of a metric by its name: which way is better, its range, and what a constant prediction scores."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from stabbench import metrics
from stabbench.metrics.contract import MetricKind

_HIGHER = MetricKind()
_CORRELATION = MetricKind(trivial=0.0)
_ERROR = MetricKind(lower=True, lowest=0.0)
_EDITS = MetricKind(lower=True, lowest=0.0, highest=2.0)  # insertions may make more errors than there are words
_LOSS = MetricKind(lower=True, lowest=-math.inf, highest=math.inf)
_UNKNOWN = MetricKind(known=False)

_NAMES = {
    name: kind
    for kind, names in (
        (MetricKind(counted=True), "acc exact_match em"),
        (
            _HIGHER,
            "precision recall f1_score micro_f1 f1_macro f1_micro f1_weighted fbeta jaccard iou auprc map mrr ndcg "
            "bleu sacrebleu rouge1 rouge2 rougel rougelsum meteor chrf bertscore specificity sensitivity",
        ),
        (
            _CORRELATION,
            "matthews matthews_correlation matthews_corrcoef kappa cohen_kappa cohens_kappa pearsonr "
            "pearson_correlation spearmanr spearman_correlation spearman_rho kendall kendalltau kendall_tau "
            "corr correlation",
        ),
        (MetricKind(lowest=-math.inf, trivial=0.0), "r2_score explained_variance"),
        (MetricKind(trivial=0.5), "roc_auc rocauc auc auc_roc"),
        (replace(_ERROR, counted=True), "error error_rate err zero_one_loss"),
        (_ERROR, "ece brier brier_score hamming_loss eer"),
        (_EDITS, "wer cer ter per"),
        (
            _LOSS,
            "loss perplexity ppl nll logloss cross_entropy crossentropy bpb bpc bits_per_byte mse "
            "mape msle rmsle mean_absolute_error mean_squared_error root_mean_squared_error kl kl_divergence hinge",
        ),
    )
    for name in names.split()
}
_OTHER_NAMES = {
    other: name
    for name, others in {
        "accuracy": "acc exact_match em",
        "mcc": "matthews matthews_correlation matthews_corrcoef",
        "f1": "f1_score",
        "macro_f1": "f1_macro",
        "weighted_f1": "f1_weighted",
        "auroc": "roc_auc rocauc auc auc_roc",
        "average_precision": "auprc",
        "log_loss": "logloss",
        "pearson": "pearsonr pearson_correlation",
        "spearman": "spearmanr spearman_correlation spearman_rho",
        "r2": "r2_score",
        "rmse": "root_mean_squared_error",
        "mae": "mean_absolute_error",
    }.items()
    for other in others.split()
}
_SPLITS = {"eval", "test", "dev", "val", "valid", "validation", "predict", "final", "train"}
_LAST_WORDS = {"loss": _LOSS, "perplexity": _LOSS, "error": _LOSS, "accuracy": _HIGHER, "acc": _HIGHER, "f1": _HIGHER}


def metric_kind(name: str, lower: Collection[str] = (), higher: Collection[str] = ()) -> MetricKind:
    """What is known of the metric `name`; `lower` and `higher` are names of which somebody says which way is better.

    Case, `-` and a split before it (`eval_loss`, `test/accuracy`) mean nothing. A name that nobody knows is taken for a
    fraction of which the higher is the better, and not `known`; one said to be in `lower` may have any range.
    """
    found = _by_name(name)
    if name in lower and not found.lower:
        return replace(found, lower=True, known=True) if found.known else _LOSS
    if name in higher:
        return replace(found, lower=False, known=True)
    return found


def lower_is_better(names: Collection[str]) -> frozenset[str]:
    """Those of some metrics' names of which the lower score is the better one, by their names alone."""
    return frozenset(name for name in names if metric_kind(name).lower)


def plain_name(name: str) -> str:
    """What this package calls the metric of somebody's `name`: `mcc` for `eval/matthews_correlation`."""
    joined = _without_split(name)
    return _OTHER_NAMES.get(joined, joined)


def _without_split(name: str) -> str:
    """In small letters, words joined by `_`, without the splits that come first."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    while len(words) > 1 and words[0] in _SPLITS:
        words = words[1:]
    return "_".join(words)


@lru_cache(maxsize=1024)
def _by_name(name: str) -> MetricKind:
    joined = _without_split(name)
    words = joined.split("_")
    found = metrics.find(joined).kind if metrics.METRICS.has(joined) else _NAMES.get(joined)
    return found or _LAST_WORDS.get(words[-1], _UNKNOWN)


@lru_cache(maxsize=1024)
def metric_name(metric: str) -> str:
    """The metric's name as papers write it."""
    return metrics.find(metric).words if metrics.METRICS.has(metric) else metric
