"""What must hold of every family of models, a function a check."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from stabbench.errors import UserError
from stabbench.files import write_json
from stabbench.models.dropout import Dropout
from stabbench.models.encoder import Encoder
from stabbench.models.folder import ModelFolder
from stabbench.models.kernel.library import library_for
from stabbench.models.kernel.step import PlainStep
from stabbench.models.vocabulary import VocabularyCut
from stabbench.models.weights import save_tensors
from stabbench.randomness import Draws
from stabbench.recipe import Recipe
from stabbench.tasks import objectives
from stabbench.testing.families import FOREIGN_TOLERANCE, LABELS, PLACE, FamilyTrial, batch_of, close, loaded, logits_of
from stabbench.testing.suite import Check, ContractError, expect

KINDS = {"embedding", "attention", "feed_forward", "layer_norm", "pooler", "classifier"}
FIELDS = ("vocab_size", "max_position_embeddings", "pad_token_id", "type_vocab_size")


def imported_without_torch(trial: FamilyTrial) -> None:
    """A plan is looked at, and a task prepared, without torch or transformers."""
    done = _imported(trial.family.__module__)
    expect(done.returncode == 0, f"its module cannot be imported by itself: {done.stderr.strip()[-200:]}")
    expect(not done.stdout.strip(), f"its module imports {done.stdout.strip()} before it is needed")


@cache
def _imported(module: str) -> subprocess.CompletedProcess[str]:
    """A process that imports a module and says what of torch and transformers came with it; once for its families."""
    program = (
        "import sys; import stabbench.plugins.files; from importlib import import_module; "
        f"import_module({module!r}); print(*sorted({{'torch', 'transformers'}} & sys.modules.keys()))"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def reads_the_same_everywhere(trial: FamilyTrial) -> None:
    """An architecture is data: equal and of one hash wherever the config is read, and it goes to worker processes."""
    first, text = trial.architecture, json.dumps(trial.model.config.to_dict())
    again = trial.family().architecture(json.loads(text), LABELS, "elsewhere")
    for other in (again, pickle.loads(pickle.dumps(first))):
        expect(other == first and hash(other) == hash(first), "the same config is read as another architecture")
    expect(first.family == trial.made.name, f"its architecture names '{first.family}', it is '{trial.made.name}'")
    expect(first.labels == LABELS, f"its architecture has {first.labels} labels, it was asked for {LABELS}")
    more = trial.made.architecture(json.loads(text), LABELS + 1, PLACE)
    expect(more != first, "with another number of labels it is read as the same architecture")


def refuses_what_it_cannot_compute(trial: FamilyTrial) -> None:
    """A UserError that names the place of the config, before any work."""
    for fields in trial.wrong:
        try:
            trial.made.architecture({**trial.model.config.to_dict(), **fields}, LABELS, PLACE)
        except UserError as error:
            expect(PLACE in str(error), f"{dict(fields)}: the message does not name {PLACE}: {error}")
        else:
            raise ContractError(f"{dict(fields)}: read as if nothing were wrong, expected a UserError")


def tensors_are_the_models(trial: FamilyTrial) -> None:
    """All of transformers' model and no other, each with facts that fit together."""
    found, facts = trial.architecture, trial.architecture.facts()
    theirs = {name: tuple(tensor.shape) for name, tensor in trial.model.named_parameters()}
    shapes = found.shapes()
    wrong = [name for name in theirs.keys() | shapes.keys() if theirs.get(name) != shapes.get(name)]
    expect(not wrong, f"not the tensors of transformers' model, or of other shapes: {', '.join(sorted(wrong)[:3])}")
    expect(shapes.get(found.word_embeddings) == (found.vocabulary_size, found.embedding_size), "the word table is none")
    new = {f"{found.classifier}.weight", f"{found.classifier}.bias"}
    expect(all(found.is_new(name) for name in new & shapes.keys()), "its classifier is not new")
    depths = {fact.depth for fact in facts.values()}
    expected = set(range(2 if found.shares_layers else found.layers + 1)) | {found.layers + 1}
    expect(depths == expected, f"its tensors have depths {sorted(depths)}, expected {sorted(expected)}")
    for name, fact in facts.items():
        expect(fact.kind in KINDS, f"{name} is of the kind '{fact.kind}', expected one of {', '.join(sorted(KINDS))}")
        expect(not fact.linear_weight or (len(shapes[name]) == 2 and fact.decays), f"{name} is no linear weight")
        expect(not fact.part or 1 <= fact.depth <= found.layers, f"{name} is part '{fact.part}' of no layer")
        expect(not fact.decays or not name.endswith(".bias"), f"{name} decays")


def defaults_are_the_models(trial: FamilyTrial) -> None:
    """Fields that a config leaves out, and the recipe; a dropout of the model's own only where it can do that."""
    kind = str(trial.config["model_type"])
    usual = type(trial.model.config)()
    for name in FIELDS:
        found, expected = trial.made.field({"model_type": kind}, name), getattr(usual, name, None)
        expect(found == expected, f"`field` gives {found!r} for the default of {name}, expected {expected!r}")
        expect(trial.made.field({"model_type": kind, name: 7}, name) == 7, f"`field` does not read {name}")
    own = Recipe().override(trial.made.defaults).one_dropout is None
    expect(not own or trial.made.capabilities.own_dropout, "its defaults have the model's own dropout, which it lacks")


def spec_says_what_the_name_does_not(trial: FamilyTrial) -> None:
    """As JSON, and beside the fields that every spec has."""
    fields = trial.made.spec_fields(trial.architecture)
    expect(json.loads(json.dumps(fields)) == fields, f"`spec_fields` gives {fields}, which is no JSON")
    taken = fields.keys() & {"architecture", "content_hash"}
    expect(not taken, f"`spec_fields` gives {', '.join(sorted(taken))}, which every spec has")


def first_values_complete(trial: FamilyTrial) -> None:
    """Each tensor is pretrained or drawn; what is new is never taken from the folder."""
    with TemporaryDirectory() as folder:
        opened = ModelFolder.at(trial.write(Path(folder)))
        taken = trial.made.pretrained(opened, trial.architecture, torch.float32)
    found = trial.architecture
    new = [name for name in found.shapes() if name not in taken]
    both = [name for name in taken if found.is_new(name)]
    expect(not both, f"taken from the folder though new for every run: {', '.join(both)}")
    lacking = [name for name in new if not found.may_lack(name)]
    expect(not lacking, f"not taken from the folder: {', '.join(lacking)}")
    expect(taken.keys() <= found.shapes().keys(), "taken from the folder though not of the architecture")
    for name, tensor in (taken | trial.made.drawn(found, new, Draws(1, "head"))).items():
        dtype = torch.float32 if name in taken else torch.float64
        expect(tensor.dtype == dtype, f"{name} is of {tensor.dtype}, expected {dtype}")
        expect(tuple(tensor.shape) == found.shapes()[name], f"{name} has the shape {tuple(tensor.shape)}")
        expect(tensor.isfinite().all(), f"{name} is not finite")


def draws_are_the_runs_own(trial: FamilyTrial) -> None:
    """Functions of the seed and the tensor's name alone, whatever else is drawn."""
    found, head = trial.architecture, f"{trial.architecture.classifier}.weight"
    new = [name for name in found.shapes() if found.may_lack(name)]
    values = []
    with torch.random.fork_rng(devices=[]):
        for number, (seed, names) in enumerate([(1, new), (1, [head]), (2, new)]):
            torch.manual_seed(number)
            values.append(trial.made.drawn(found, names, Draws(seed, "head")))
    expect(values[0].keys() == set(new), f"`drawn` gives {', '.join(values[0])}, asked for {', '.join(new)}")
    expect(torch.equal(values[0][head], values[1][head]), f"{head} drawn twice for one seed differs")
    expect(not torch.equal(values[0][head], values[2][head]), f"{head} is the same for two seeds")


def folder_is_checked(trial: FamilyTrial) -> None:
    """What is no such model is refused before any training."""
    with TemporaryDirectory() as name:
        folder = trial.write(Path(name))
        trial.made.check(ModelFolder.at(folder), trial.architecture)
        config = ModelFolder(folder).config
        larger = config | {"vocab_size": int(config["vocab_size"]) + 1}
        write_json(folder / "config.json", larger)
        try:
            trial.made.check(ModelFolder.at(folder), trial.made.architecture(larger, LABELS, PLACE))
        except UserError:
            return
    raise ContractError("a config with one more word piece than the tensors have is taken")


def logits_are_transformers(trial: FamilyTrial) -> None:
    """In fp64, of texts of several lengths in one batch."""
    trial.compare(trial.texts(4, 9, 9, 13), "its logits and transformers'")


def positions_are_transformers(trial: FamilyTrial) -> None:
    """Of a text that spells the padding token, and of the longest one that there are positions for."""
    trial.compare(trial.texts(6, 9, padding_at=3), "the logits of texts with the padding token inside")
    config = trial.model.config.to_dict()
    rows = trial.made.field(config, "max_position_embeddings")
    if rows is not None:
        trial.compare(trial.texts(int(rows) - trial.made.first_position(config)), "the logits of the longest text")


def shapes_fit(trial: FamilyTrial) -> None:
    """Word embeddings, from which the logits follow; states of the first tokens or of all."""
    found, one, batch = trial.architecture, trial.weights(0), batch_of(trial.texts(4, 9, 13))
    tokens, computation = batch.ids.shape[1], trial.computation
    words = computation.embed(one, batch)
    expected: dict[str, tuple[Tensor, tuple[int, ...]]] = {
        "word embeddings": (words, (1, tokens, found.embedding_size)),
        "first states": (computation.hidden_states(one, batch, first_only=True), (1, 3, found.hidden_size)),
        "states": (computation.hidden_states(one, batch, first_only=False), (1, tokens, found.hidden_size)),
    }
    for what, (tensor, shape) in expected.items():
        expect(tuple(tensor.shape) == shape, f"{what} have the shape {tuple(tensor.shape)}, expected {shape}")
    from_words = computation.classify(one, batch, None, words)
    close(from_words, computation.classify(one, batch), "the logits from word embeddings and from the tokens")
    products = trial.made.encoder(found, torch.bfloat16).products
    expect(products == torch.bfloat16, f"asked for products in bfloat16 it says {products}")


def dropout_is_the_runs_own(trial: FamilyTrial) -> None:
    """It acts, and is a function of the run's seed and the step."""
    one, batch = trial.weights(0), batch_of(trial.texts(4, 9, 13))
    probability = None if trial.made.capabilities.own_dropout else 0.5

    def dropped(seed: int, step: int, probability: float | None = 0.5) -> Tensor:
        return trial.computation.classify(one, batch, Dropout(probability, [Draws(seed, "dropout")], step))

    first = dropped(1, 0)
    expect(not torch.allclose(first, trial.computation.classify(one, batch)), "dropout changes no logit")
    expect(torch.equal(first, dropped(1, 0)), "the dropout of one seed and step differs")
    expect(not torch.equal(first, dropped(2, 0)), "the dropout of two seeds is the same")
    expect(not torch.equal(first, dropped(1, 1)), "the dropout of two steps is the same")
    dropped(1, 0, probability)


def stacks_or_refuses(trial: FamilyTrial) -> None:
    """Several runs are computed as one by one, or `capabilities` says no and they are refused."""
    texts, both = trial.texts(4, 9, 13, 7), trial.weights(0, 1)
    if not trial.made.capabilities.stacks:
        try:
            trial.computation.classify(both, batch_of(texts, [0, 1], [2, 3]))
        except ValueError:
            return
        raise ContractError("it says that it stacks no runs, and takes two")
    alone = [trial.computation.classify(trial.weights(run), batch_of(texts, [2 * run, 2 * run + 1])) for run in (0, 1)]
    beside = trial.computation.classify(both, batch_of(texts, [0, 1], [2, 3]))
    close(beside, torch.cat(alone), "the logits of two runs side by side and of each alone")


def able_as_it_says(trial: FamilyTrial) -> None:
    """The kernel has its loss, updates are captured of `Encoder`, and unused word pieces do not count."""
    found, able, texts = trial.architecture, trial.made.capabilities, trial.texts(4, 9, 13)
    one, batch = trial.weights(0), batch_of(texts)
    logits = trial.computation.classify(one, batch)
    if able.captures or able.pretrains:
        expect(isinstance(trial.computation, Encoder), "capturing and pretraining take `models.encoder.Encoder`")
    if able.kernel and library_for(logits) is not None:
        kernel = PlainStep.of(found, one)
        if kernel is None:
            raise ContractError("the kernel does not take it")
        loss = torch.tensor([kernel(batch, Dropout(0.0, [Draws(1, "dropout")], 0), one)[0]], dtype=torch.float64)
        close(loss, objectives.find().loss(logits, batch.labels), "the kernel's loss and that of the logits")
    if able.cuts_vocabulary:
        cut = VocabularyCut.of((texts,), trial.made.fixed_ids(found))
        less = one | {found.word_embeddings: cut.cut(one[found.word_embeddings][0]).unsqueeze(0)}
        close(trial.computation.classify(less, batch_of(cut.renumber(texts))), logits, "logits with a cut vocabulary")


def costs_grow(trial: FamilyTrial) -> None:
    """With tokens, pairs of tokens, and examples."""
    counts = {"tokens": 100.0, "pairs": 1000.0, "examples": 10.0}
    least = trial.made.operations(trial.architecture, *counts.values())
    for what in counts:
        more = trial.made.operations(trial.architecture, *(counts | {what: counts[what] + 1}).values())
        expect(0 < least < more, f"`operations` are {least:g}, and {more:g} with one of the {what} more")


def kept_folder_reads_back(trial: FamilyTrial) -> None:
    """A kept classifier is a folder that transformers loads, and says its class."""
    config, texts = trial.model.config.to_dict(), trial.texts(4, 9)
    dropout: float | str = Recipe().override(trial.made.defaults).dropout
    with TemporaryDirectory() as name:
        folder, weights = Path(name), trial.weights(1)
        save_tensors({key: tensor[0].contiguous() for key, tensor in weights.items()}, folder / "model.safetensors")
        own = trial.made.classifier_fields(config, dropout)
        write_json(folder / "config.json", config | own | {"dtype": "float64"})
        kept, _ = loaded(folder)
    said, expected = kept.config.architectures, [type(trial.model).__name__]
    expect(said == expected, f"its config.json says architectures {said}, expected {expected}")
    found = trial.computation.classify(weights, batch_of(texts))[0]
    close(logits_of(kept.eval(), texts), found, "the logits of a kept folder and of its weights", FOREIGN_TOLERANCE)


LIGHT = Check("it is imported without torch", imported_without_torch)
READ = Check("a config is read the same everywhere", reads_the_same_everywhere)
REFUSES = Check("what it cannot compute is refused", refuses_what_it_cannot_compute, (READ,))
TENSORS = Check("its tensors are transformers' with facts that fit", tensors_are_the_models, (READ,))
DEFAULTS = Check("its defaults are the model's", defaults_are_the_models, (READ,))
SPEC = Check("its spec fields are JSON of its own", spec_says_what_the_name_does_not, (READ,))
FIRST = Check("first values are pretrained or drawn", first_values_complete, (TENSORS,))
DRAWN = Check("what is new is drawn by the run's own numbers", draws_are_the_runs_own, (TENSORS,))
FOLDER = Check("a folder is checked before any training", folder_is_checked, (FIRST,))
LOGITS = Check("its logits are transformers'", logits_are_transformers, (TENSORS,))
POSITIONS = Check("its positions are transformers'", positions_are_transformers, (LOGITS,))
SHAPES = Check("embeddings and states have their shapes", shapes_fit, (LOGITS,))
DROPOUT = Check("dropout acts by the run's own numbers", dropout_is_the_runs_own, (LOGITS,))
STACKS = Check("runs side by side are as one by one or refused", stacks_or_refuses, (LOGITS,))
ABLE = Check("it can do what it says", able_as_it_says, (LOGITS,))
COSTS = Check("costs grow with the texts", costs_grow, (TENSORS,))
KEPT = Check("a kept folder loads in transformers", kept_folder_reads_back, (LOGITS,))
FAMILY_CHECKS = (
    LIGHT, READ, REFUSES, TENSORS, DEFAULTS, SPEC, FIRST, DRAWN, FOLDER, LOGITS, POSITIONS, SHAPES, DROPOUT, STACKS,
    ABLE, COSTS, KEPT,
)  # fmt: skip
