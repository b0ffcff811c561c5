"""`python -m benchmarks.strategies`: what an update of each built-in strategy costs beside one of `devlin`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch

from benchmarks.contenders import Contender, Control, Group
from benchmarks.machine import OtherProcesses, conditions
from benchmarks.ours import RECIPE, Job, arithmetic, stream_seeds, training_inputs
from benchmarks.shapes import SHAPES, Shape
from benchmarks.tables import number, share_of_others, table, with_spread
from benchmarks.texts import TaskTexts, task_texts
from stabbench.files import write_json, write_text
from stabbench.models.batch import TokenizedTexts
from stabbench.models.tokenization import tokenize
from stabbench.models.word_pieces import write_word_pieces
from stabbench.strategies.registry import STRATEGIES
from stabbench.tasks import embedded
from stabbench.training.loop import Training
from stabbench.training.state import TrainingState

MOST, MOST_FROZEN = 1.15, 0.75
"""Targets: of a strategy with one forward and one backward pass, and of one that trains a part of the encoder only."""
MORE_PASSES = ("asam", "freelb", "r-drop", "r3f", "sam", "smart")
OF_FEW_TENSORS = ("bitfit", "dora", "ln-tuning", "lora", "lora-init-b", "lora-plus", "rslora")
EXAMPLES = {"train": 192, "dev": 128}
DEFAULT = Shape("embedded default, 8 × 96", 8, 96, 3, 384, steps=40, positions=128)
SHORT = 512
"""Training examples of the other place."""
WARM_UP = 3


@dataclass(frozen=True)
class Case:
    """A strategy in one of its phases, with the options that keep it there."""

    plugin: str
    phase: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.plugin}, {self.phase}" if self.phase else self.plugin

    @property
    def target(self) -> float | None:
        """The most that an update may cost; None where the method needs more passes."""
        if self.plugin in MORE_PASSES:
            return None
        return MOST_FROZEN if self.plugin in OF_FEW_TENSORS or self.phase == "head alone" else MOST


PHASES = {
    "gradual-unfreezing": (
        Case("gradual-unfreezing", "while unfreezing"),
        Case("gradual-unfreezing", "everything", {"share": 1e-9}),
    ),
    "lp-ft": (
        Case("lp-ft", "head alone", {"probing_epochs": 1e6}),
        Case("lp-ft", "everything", {"probing_epochs": 0.0}),
    ),
    "swa": (Case("swa", "while averaging", {"share": 1.0}),),
}


def cases() -> Iterator[Case]:
    """Every built-in strategy, and each of the phases that cost differently."""
    built_in = [found.name for found in STRATEGIES.listed() if found.distribution == "stabbench"]
    for name in sorted(built_in):
        yield from PHASES.get(name, (Case(name),))


@dataclass(frozen=True)
class Updates:
    """The updates of one seed under a strategy, more of them than will be asked for."""

    case: Case
    job: Job
    number: int

    def start(self) -> tuple[Training, TrainingState]:
        """The training, and where it begins."""
        strategy = STRATEGIES.load(self.case.plugin, Path())
        same = {"total_steps": self.number, "batch_size": RECIPE.batch_size}
        recipe = RECIPE.override(strategy.recipe).override(same)
        inputs = replace(
            training_inputs(self.job), recipe=recipe, strategies=((strategy(), strategy.Options(**self.case.options)),)
        )
        training = Training(inputs, [stream_seeds(1)], torch.device("cpu"))
        return training, training.start()


def train(control: Control, updates: Updates, number: int) -> None:
    """What the process of a contender does."""
    training, state = updates.start()
    for _ in range(WARM_UP):
        training.update(state)
    control.ready()
    while count := control.begin():
        for _ in range(count):
            training.update(state)
        control.end()


def contender(case: Case) -> Contender:
    """A process of one thread."""
    return Contender(case.name, case.name, 1, 1, "benchmarks.strategies:train")


def measure(job: Job, chosen: Sequence[Case], rounds: int) -> list[dict[str, Any]]:
    """A row a case: it and `devlin` in turns, a process of one thread each."""
    steps, rows = job.shape.steps, []

    def started(case: Case, turns: int) -> Group:
        return Group(contender(case), Updates(case, job, WARM_UP + turns * steps + 1))

    with started(Case("devlin"), rounds * len(chosen)) as devlin:
        devlin.ready()
        for case in chosen:
            with started(case, rounds) as own:
                own.ready()
                rows.append(_row_of(case, (devlin, own), steps, rounds))
            click.echo(f"{case.name}: {rows[-1]['milliseconds']:.1f} ms, {rows[-1]['ratio']:.2f}")
    return rows


def _row_of(case: Case, pair: Sequence[Group], steps: int, rounds: int) -> dict[str, Any]:
    times: list[list[float]] = [[], []]
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            (span,) = pair[which].run(steps)
            times[which].append(1000 * span.cpu_seconds / steps)
    ratios = [mine / devlins for devlins, mine in zip(*times, strict=True)]
    return {
        "name": case.name,
        "target": case.target,
        "devlin_milliseconds": median(times[0]),
        "milliseconds": median(times[1]),
        "ratio": median(ratios),
        "quartiles": np.quantile(ratios, [0.25, 0.75]).tolist(),
    }


def acceptability() -> TaskTexts:
    """The embedded task as the default has it, in the model's own word pieces."""
    with tempfile.TemporaryDirectory() as folder:
        write_word_pieces(Path(folder), embedded.vocabulary(), max_length=DEFAULT.positions)
        write_json(Path(folder) / "config.json", DEFAULT.config())
        found = {}
        for split, size in EXAMPLES.items():
            examples = embedded.generate("acceptability", "train" if split == "train" else "dev", size)
            texts = tokenize(Path(folder), [example.text_a for example in examples], None, DEFAULT.positions)
            labels = np.array([example.label for example in examples], dtype=np.int64)
            found[split] = TokenizedTexts(texts.ids, texts.segments, texts.offsets, labels, np.arange(size))
    return TaskTexts("acceptability", found["train"], found["dev"], "written by the embedded grammar")


def shortened(texts: TaskTexts) -> TaskTexts:
    """A short epoch, as some strategies begin with a pass over one; the rest is counted as dev, for its vocabulary."""
    train, cut = texts.train, texts.train.offsets[SHORT]
    first = TokenizedTexts(
        train.ids[:cut], train.segments[:cut], train.offsets[: SHORT + 1], train.labels[:SHORT], train.examples[:SHORT]
    )
    return replace(texts, train=first, dev=train)


def jobs() -> list[Job]:
    """The two places at which strategies are compared."""
    vocabulary = len(embedded.vocabulary()) + 5
    default = Job(replace(DEFAULT, vocabulary_size=vocabulary), acceptability())
    return [default, Job(SHAPES["minilm"], shortened(task_texts("cola")))]


@click.command()
@click.option("--rounds", type=click.IntRange(min=2), default=9, show_default=True)
@click.option("--only", multiple=True, help="A strategy; may be given more than once.  [default: all built-in ones]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where strategies.json and strategies.md go.",
)
def main(rounds: int, only: tuple[str, ...], out: Path) -> None:
    """Time updates of every built-in strategy and of devlin in turns, one thread, in CPU time."""
    torch.set_num_threads(1)
    chosen = [case for case in cases() if not only or case.plugin in only]
    others, places = OtherProcesses(), []
    for job in jobs():
        tokens = float(np.mean([job.texts.batch_lengths(step).sum() for step in range(12)]))
        click.echo(f"{job.shape.name}, {job.texts.name}:")
        rows = measure(job, chosen, rounds)
        place = {"model": job.shape.name, "task": job.texts.name, "source": job.texts.source, "tokens": tokens}
        places.append({**place, "rows": rows})
    facts = {**conditions(), "rounds": rounds, "arithmetic": arithmetic(), "other_processes_share": others.share()}
    report = {**facts, "places": places}
    write_json(out / "strategies.json", report)
    write_text(out / "strategies.md", page(report))
    click.echo(page(report))


def page(report: Mapping[str, Any]) -> str:
    """strategies.md."""
    parts = [
        "# An update of each strategy",
        "Made by `python -m benchmarks.strategies`: milliseconds of one core for an update of one seed, batch 16, and "
        "how many times an update of `devlin` that is, in turns with it, each in a process of its own: median of the "
        f"turns' ratios (quartiles). The target is {MOST:g} for what needs one forward and one backward pass, "
        f"{MOST_FROZEN:g} where the encoder is frozen.",
    ]
    head = ["strategy", "ms", "`devlin`, ms", "ratio", "target"]
    for place in report["places"]:
        title = f"## {place['model']}, {place['task']} ({place['tokens']:.0f} tokens a batch; {place['source']})"
        parts += [title, table(head, [_row(row) for row in place["rows"]])]
    parts += [
        f"{report['rounds']} rounds, one thread, {report['arithmetic']}. Measured {report['created']} at commit "
        f"{report['commit']}, on {report['cpu']}; other processes took {share_of_others(report)} of the cores' time.",
        "",
    ]
    return "\n\n".join(parts)


def _row(row: Mapping[str, Any]) -> list[str]:
    target = row["target"]
    verdict = "more passes" if target is None else f"{target:g}" if row["ratio"] <= target else f"**{target:g}**"
    times = [number(row["milliseconds"]), number(row["devlin_milliseconds"])]
    return [row["name"], *times, with_spread(row["ratio"], row["quartiles"]), verdict]


if __name__ == "__main__":
    main()
