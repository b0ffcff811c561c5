"""What scores and losses of some runs are, as their tasks and metrics say: direction, range, unit and words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stabbench import metrics
from stabbench.errors import UserError
from stabbench.metrics.contract import MetricKind
from stabbench.metrics.kinds import lower_is_better, metric_kind, metric_name
from stabbench.plan import Cell
from stabbench.task_facts import OwnMetric
from stabbench.tensor_roles import CLASSIFIER, HEAD


@dataclass(frozen=True)
class ObjectiveWords:
    """An objective in the words of tables, figures and captions."""

    name: str
    constant: str
    """The prediction that a failed run is no better than, after "the"."""
    column: str
    """What a column of its scores is called."""
    head: str
    """What the model's last layer is called."""
    unit: str
    """Of a loss, after the number and with the space before it; empty where it has none."""
    measure: str
    """What a loss is, in the brackets of an axis."""
    told: str
    """The same at the end of a sentence."""
    guess: str
    """Whose loss it is that a run has which learned nothing."""
    trivial: str
    """What that loss is, after "dashed:"."""
    collapsed: str
    """Which runs are called so."""


CLASSIFICATION = ObjectiveWords(
    name="classification",
    constant="best constant classifier",
    column="majority",
    head=CLASSIFIER,
    unit=" nats",
    measure="nats",
    told="in nats",
    guess="guessing",
    trivial="the entropy of the training labels, which is the loss of guessing by their shares",
    collapsed="at least 99 % of the predictions are one class, or the training loss of the last epoch is at least "
    "0.95 times the labels' entropy",
)
_REGRESSION = ObjectiveWords(
    name="regression",
    constant="best constant prediction",
    column="best constant prediction",
    head=HEAD,
    unit="",
    measure="squared error",
    told="as squared error",
    guess="the labels' mean",
    trivial="the variance of the training labels, which is the squared error of their mean",
    collapsed="the predictions' std is at most 1 % of the training labels', or the training loss of the last epoch is "
    "at least 0.95 times their variance",
)
_SCALED = replace(_REGRESSION, told="as squared error of the scaled labels")


def objective_words(objective: Mapping[str, Any] | None) -> ObjectiveWords:
    """The words of a task's objective, as `TaskFacts.objective` has it; those of a plugin's own are general."""
    if objective is None:
        return CLASSIFICATION
    name = str(objective["name"])
    if name == _REGRESSION.name:
        return _SCALED if "std" in objective else _REGRESSION
    return ObjectiveWords(
        name=name,
        constant=_REGRESSION.constant,
        column=_REGRESSION.column,
        head=_REGRESSION.head,
        unit="",
        measure=f"that of {name}",
        told=f"that of {name}",
        guess="the best constant",
        trivial="the loss of the best constant prediction",
        collapsed=f"as {name} says of its predictions and losses",
    )


@dataclass(frozen=True)
class Scoring:
    """The metrics and objectives of some runs."""

    objectives: Mapping[str, ObjectiveWords] = field(default_factory=dict)
    """By task; of scores that somebody else's code made, by metric."""
    own: Mapping[str, OwnMetric] = field(default_factory=dict)
    """By name what tasks say of metrics that are not installed."""
    lower: frozenset[str] = frozenset()
    """The metrics of which the lower score is the better one."""

    @classmethod
    def of_cells(cls, cells: Iterable[Cell]) -> Scoring:
        """As the facts of the cells' tasks have it; UserError where two tasks call different metrics the same."""
        facts = [(cell.task, cell.task_facts) for cell in cells]
        own: dict[str, OwnMetric] = {}
        for task, fact in facts:
            for name, metric in (fact.own_metrics or {}).items():
                if own.setdefault(name, metric) != metric:
                    raise UserError(
                        f"task {task}: its metric '{name}' is another one than that of a task before it: give one of "
                        "the two functions another name and prepare its task again"
                    )
        # Of every cell: recorded ones of one task may be scored by different metrics.
        named = {name for _, fact in facts for name in fact.metrics} - set(own)
        lower = lower_is_better(named) | {name for name, metric in own.items() if metric.lower}
        return cls({task: objective_words(fact.objective) for task, fact in facts}, own, frozenset(lower))

    @classmethod
    def of_names(cls, names: Collection[str], lower: frozenset[str]) -> Scoring:
        """As far as the names of the metrics say it; of those in `lower` somebody says that the lower is better."""
        known = {name: metrics.find(name).objective for name in names if metrics.METRICS.has(name)}
        words = {
            name: objective_words(None if objective == CLASSIFICATION.name else {"name": objective})
            for name, objective in known.items()
        }
        return cls(words, lower=lower)

    def kind(self, metric: str) -> MetricKind:
        """Direction and range of a metric."""
        if metric in self.own:
            return self.own[metric].kind
        return metric_kind(metric, lower=self.lower, higher=() if metric in self.lower else (metric,))

    def is_known(self, metric: str) -> bool:
        """Whether its task or its name says which way is better; else the higher is taken to be."""
        return metric in self.own or metric_kind(metric).known

    def name(self, metric: str) -> str:
        """What a metric is called in tables and figures."""
        return self.own[metric].words if metric in self.own else metric_name(metric)

    def objective(self, task: str) -> ObjectiveWords:
        """That of a task."""
        return self.objectives.get(task, CLASSIFICATION)

    @property
    def each(self) -> list[ObjectiveWords]:
        """Every objective once; classification where none is known."""
        return list(dict.fromkeys(self.objectives.values())) or [CLASSIFICATION]

    @property
    def constant(self) -> str:
        """What a failed run is no better than: only where all tasks are classification it is a classifier."""
        return self._common.constant

    @property
    def column(self) -> str:
        """What a column of its scores is called."""
        return self._common.column

    @property
    def head(self) -> str:
        """What the models' last layers are called."""
        return self._common.head

    @property
    def _common(self) -> ObjectiveWords:
        """Words for all tasks at once: those of classification where all are, else words that classes do not need."""
        return CLASSIFICATION if all(words == CLASSIFICATION for words in self.each) else _REGRESSION

    @property
    def told(self) -> str:
        """What the losses are, at the end of a sentence: those of several objectives joined."""
        return " or ".join(dict.fromkeys(words.told for words in self.each))

    @property
    def trivial(self) -> str:
        """What the losses of runs are that learned nothing."""
        return ", or ".join(dict.fromkeys(words.trivial for words in self.each))

    @property
    def guess(self) -> str:
        """Whose losses these are."""
        return " or ".join(dict.fromkeys(words.guess for words in self.each))

    @property
    def collapsed(self) -> str:
        """Which runs are called collapsed, by objective where there are several."""
        found = {words.name: words.collapsed for words in self.each}
        if len(found) == 1:
            return next(iter(found.values()))
        return "; ".join(f"in {name}, {text}" for name, text in found.items())
