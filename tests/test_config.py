"""params.yaml: what is read, and how each mistake is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stabbench.config import Config, PretrainingBlock, RecipeOverrides, load, parse_seeds, parts
from stabbench.errors import UserError
from stabbench.recipe import RECIPE_FIELDS, Recipe
from stabbench.scaffold import PRESETS, files_of

SMALL = """\
seeds: 1-3
grid: {models: [embedded], tasks: [acceptability], strategies: [devlin]}
"""

Read = Callable[[str], Config]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load a text as params.yaml."""

    def load_text(text: str) -> Config:
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return load_text


def mistakes(read: Read, text: str) -> list[str]:
    """The lines of the error, without the first."""
    with pytest.raises(UserError) as caught:
        read(text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def with_strategy(block: str) -> str:
    return f"{SMALL}strategies:\n  devlin: {block}\n"


def test_names_of_the_grid_get_their_default_blocks(read: Read) -> None:
    config = read(SMALL)
    assert config.seeds == (1, 2, 3)
    assert config.models["embedded"].source == "embedded"
    assert config.tasks["acceptability"].dataset == "acceptability"
    assert config.strategies["devlin"].plugin == ("devlin",)
    assert config.strategies["devlin"].recipe.changes() == {}
    assert (config.report.levene_center, config.report.alpha) == ("median", 0.001)


def test_a_written_block_takes_its_name_as_data_set_and_plugin_where_it_names_none(read: Read) -> None:
    config = read(
        f"{SMALL}tasks: {{rte: {{train_size: 10}}}}\nstrategies: {{mixout: {{options: {{probability: 0.9}}}}}}\n"
    )
    assert config.tasks["rte"].dataset == "rte"
    assert config.strategies["mixout"].plugin == ("mixout",)
    assert config.strategies["mixout"].options == {"probability": 0.9}


@pytest.mark.parametrize("written", ["1e-05", "1e-5", "1.0e-5", "0.00001"])
def test_a_number_in_any_notation_is_a_number(read: Read, written: str) -> None:
    config = read(with_strategy(f"{{recipe: {{learning_rate: {written}}}}}"))
    assert config.strategies["devlin"].recipe.changes() == {"learning_rate": 1e-5}


def test_null_means_not_set(read: Read) -> None:
    assert read(with_strategy("{recipe: {learning_rate: null}}")).strategies["devlin"].recipe.changes() == {}
    assert read(with_strategy("{recipe: null, options: null}")).strategies["devlin"].recipe.changes() == {}


@pytest.mark.parametrize(
    ("block", "mistake"),
    [
        (
            "{recipe: {learning_rate: -1}}",
            "strategies.devlin.recipe.learning_rate: found -1, expected a positive number",
        ),
        (
            "{recipe: {learning_rate: .inf}}",
            "strategies.devlin.recipe.learning_rate: found inf, expected a finite number",
        ),
        (
            "{recipe: {epochs: 1.0e+308}}",
            "strategies.devlin.recipe.epochs: found 1e+308, expected a positive number, 1,000,000 at most",
        ),
        ("{recipe: {learning_rate: fast}}", "strategies.devlin.recipe.learning_rate: found 'fast', expected a number"),
        ("{recipe: {batch_size: 2.5}}", "strategies.devlin.recipe.batch_size: found 2.5, expected a whole number"),
        (
            "{recipe: {warmup_ratio: 2}}",
            "strategies.devlin.recipe.warmup_ratio: found 2, expected a number from 0 to 1",
        ),
        (
            "{recipe: {dropout: 1}}",
            "strategies.devlin.recipe.dropout: found 1, expected a number from 0 to below 1, or 'model' for the "
            "model's own",
        ),
        ("{recipe: {bias_correction: 1}}", "strategies.devlin.recipe.bias_correction: found 1, expected true or false"),
        (
            "{recipe: {adam_formula: pytorch}}",
            "strategies.devlin.recipe.adam_formula: found 'pytorch', expected 'paper' or 'torch'",
        ),
        ("{recipe: 3}", "strategies.devlin.recipe: found 3, expected a block of keys"),
        (
            "{plugin: ./mine.py}",
            "strategies.devlin.plugin: found './mine.py', expected a file and its class such as './my_file.py:MyClass'",
        ),
        ("{plugin: [devlin, devlin]}", "strategies.devlin.plugin: found 'devlin' twice, expected each name once"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_path(read: Read, block: str, mistake: str) -> None:
    assert mistakes(read, with_strategy(block)) == [mistake]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (
            with_strategy("{recipe: {learningrate: 1}}"),
            "strategies.devlin.recipe.learningrate: unknown key: did you mean 'learning_rate'?",
        ),
        (SMALL + "sead: 3\n", "sead: unknown key: did you mean 'seeds'?"),
        (
            SMALL + "models: {embedded: {pretraining: {layrs: 2}}}\n",
            "models.embedded.pretraining.layrs: unknown key: did you mean 'layers'?",
        ),
        (SMALL + "report: {levene_centre: mean}\n", "report.levene_centre: unknown key: did you mean 'levene_center'?"),
        (SMALL.replace("[devlin]", "[mixuot]"), "grid.strategies: unknown strategy 'mixuot': did you mean 'mixout'?"),
        (
            SMALL.replace("acceptability", "acceptabilty"),
            "grid.tasks: unknown task 'acceptabilty': did you mean 'acceptability'?",
        ),
        (SMALL.replace("[embedded]", "[embeded]"), "grid.models: unknown model 'embeded': did you mean 'embedded'?"),
        (
            SMALL + "tasks: {big: {dataset: colla}}\n",
            "tasks.big.dataset: unknown data set 'colla': did you mean 'cola'?",
        ),
        (
            with_strategy("{plugin: mosbch}"),
            "strategies.devlin.plugin: unknown strategy 'mosbch': did you mean 'mosbach'?",
        ),
    ],
)
def test_an_unknown_name_brings_the_nearest_one(read: Read, text: str, start: str) -> None:
    (only,) = mistakes(read, text)
    assert only.startswith(start)


@pytest.mark.parametrize("written", ["[]", "null", "3"])
def test_a_plugin_that_is_written_and_names_nothing_is_one_mistake(read: Read, written: str) -> None:
    text = SMALL.replace("[devlin]", "[mine]") + f"strategies: {{mine: {{plugin: {written}}}}}\n"
    (only,) = mistakes(read, text)
    assert only.startswith("strategies.mine.plugin: found ")
    assert only.endswith("expected one name, or several as a list: [first, second]")


def test_a_region_of_equivalence_is_two_ratios_around_one(read: Read) -> None:
    assert read(SMALL + "report: {equivalence: [0.5, 2]}\n").report.equivalence == (0.5, 2.0)
    for region in ("[1.1, 1.2]", "[0, 2]"):
        (only,) = mistakes(read, SMALL + f"report: {{equivalence: {region}}}\n")
        assert only.endswith("expected two ratios of standard deviations around 1, such as [0.8, 1.25]")


def test_all_mistakes_are_listed_at_once(read: Read) -> None:
    found = mistakes(
        read,
        "seeds: 5-3\ngrid: {models: [embedded], tasks: [rtee], strategies: [devlin]}\n"
        "models: {embedded: {learning_rate: -1, source: 'two words'}}\nkeep_weights: [1]\n",
    )
    assert [line.split(":")[0] for line in found] == [
        "seeds",
        "models.embedded.source",
        "models.embedded.learning_rate",
        "grid.tasks",
    ]


def test_a_strategy_in_a_file_is_looked_for_beside_params_yaml(read: Read, tmp_path: Path) -> None:
    text = with_strategy("{plugin: './mine.py:Mine'}")
    assert mistakes(read, text) == [
        f"strategies.devlin.plugin: found './mine.py:Mine', but there is no file {tmp_path / 'mine.py'}"
    ]
    (tmp_path / "mine.py").touch()
    assert read(text).strategies["devlin"].plugin == ("./mine.py:Mine",)


@pytest.mark.parametrize("name", ["Big", "a.b", "a/b", "-a", "a b", "../x"])
def test_a_name_that_is_no_folder_stage_or_key_is_refused(read: Read, name: str) -> None:
    (only,) = mistakes(read, f"{SMALL}tasks: {{'{name}': {{dataset: rte}}}}\n")
    assert only == f"tasks.{name}: found '{name}', expected a name of lower-case letters, digits, '-' and '_'"


def test_a_name_that_is_too_long_for_a_file_is_refused(read: Read) -> None:
    found = mistakes(
        read, SMALL.replace("[devlin]", f"[{'m' * 201}]") + f"strategies: {{{'m' * 201}: {{plugin: devlin}}}}\n"
    )
    assert any(f"found a name of 201 letters ({'m' * 30}…), expected 200 at most" in line for line in found), found


@pytest.mark.parametrize("name", ["../x", "..", "/etc", "a/b", "a\\\\b", "x\\n", "~"])
@pytest.mark.parametrize("section", ["models", "tasks", "strategies", "studies", "probes"])
def test_a_name_of_any_block_that_would_lead_out_of_its_folder_is_refused(read: Read, section: str, name: str) -> None:
    found = mistakes(read, f'{SMALL}{section}: {{"{name}": {{}}}}\n')
    assert any("expected a name of lower-case letters, digits, '-' and '_'" in line for line in found), found


def test_a_preset_that_would_lead_out_of_the_folder_of_artifacts_is_refused(read: Read) -> None:
    (only,) = mistakes(read, f"{SMALL}preset: ../../x\n")
    assert only == "preset: found '../../x', expected a name of lower-case letters, digits, '-' and '_'"


def test_two_cells_with_one_stage_name_are_refused(read: Read) -> None:
    text = (
        "seeds: 1\ngrid: {models: [embedded], tasks: [a, a-b], strategies: [b-c, c]}\n"
        "tasks: {a: {dataset: rte}, a-b: {dataset: rte}}\nstrategies: {b-c: {plugin: devlin}, c: {plugin: devlin}}\n"
    )
    assert mistakes(read, text) == ["grid: cells embedded/a/b-c and embedded/a-b/c have one stage name: rename a block"]


def test_a_study_and_a_probe_have_names_of_their_own_as_both_have_a_chapter(read: Read) -> None:
    study = "studies: {both: {study: crossed, model: tiny, task: rte, levels: 3}}"
    assert mistakes(read, f"{SMALL}{study}\nprobes: {{both: {{probe: soups}}}}\n") == [
        "probes.both: a study is called so, whose chapter this one's would overwrite: call one otherwise"
    ]


def test_studies_and_probes_leave_the_reports_own_chapters_their_names(read: Read) -> None:
    study = "studies: {noise: {study: crossed, model: tiny, task: rte, levels: 3}}"
    assert mistakes(read, f"{SMALL}{study}\nprobes: {{main: {{probe: soups}}}}\n") == [
        "studies.noise: the report has a chapter or a place called so: call it otherwise",
        "probes.main: the report has a chapter or a place called so: call it otherwise",
    ]


def test_kept_seeds_are_among_the_seeds(read: Read) -> None:
    assert read(f"{SMALL}keep_weights: [1, 3]\n").keep_weights == (1, 3)
    assert read(f"{SMALL}keep_weights: []\n").keep_weights == ()
    assert mistakes(read, f"{SMALL}keep_weights: [1, 9]\n") == [
        "keep_weights: found seed 9, expected some of the seeds of `seeds`"
    ]


def test_only_the_embedded_model_is_pretrained(read: Read) -> None:
    (only,) = mistakes(read, f"{SMALL}models: {{mini: {{source: 'package:x', pretraining: {{}}}}}}\n")
    assert only.startswith("models.mini: found a pretraining block beside source 'package:x'")


def test_a_rate_of_the_model_has_one_place(read: Read) -> None:
    (only,) = mistakes(read, f"{SMALL}models: {{embedded: {{recipe: {{learning_rate: 0.1}}}}}}\n")
    assert only.startswith("models.embedded: found recipe.learning_rate")


def test_an_embedded_data_set_is_not_asked_from_the_hub(read: Read) -> None:
    (only,) = mistakes(read, f"{SMALL}tasks: {{acceptability: {{source: hub}}}}\n")
    assert only == ("tasks.acceptability: found source 'hub' for data set 'acceptability', expected auto or embedded")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: 1\ngrid: [a\nmodels: {}\n", "line 3, column 7: not YAML"),
        ("seeds: 1\nseeds: 2\n", "line 2, column 1: not YAML: found duplicate key"),
        ("\tseeds: 1\n", "line 1, column 1: not YAML"),
        ("seeds: \x00\n", "not YAML"),
        ("", "found nothing, expected keys"),
        ("- 1\n", "found a list, expected keys"),
    ],
)
def test_what_is_not_a_mapping_in_yaml_is_named_with_its_line(read: Read, text: str, message: str) -> None:
    with pytest.raises(UserError, match=r"params\.yaml") as caught:
        read(text)
    assert message in str(caught.value)


def test_a_file_that_is_missing_or_not_utf8_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no .*params.yaml: run `stabbench init`"):
        load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"preset: \xff\xfe\n")
    with pytest.raises(UserError, match="cannot be read as UTF-8"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_writes_its_learning_rates_out(read: Read, preset: str) -> None:
    text = files_of(preset)["params.yaml"]
    config = read(text)
    assert config.preset == preset
    assert len(config.seeds) == (10 if preset in ("pretraining", "chemistry") else 25)
    assert text.count("recipe: {learning_rate: ") == len(config.strategies)


def test_recipe_overrides_are_the_fields_of_a_recipe_with_the_same_ranges() -> None:
    assert tuple(RecipeOverrides.model_fields) == RECIPE_FIELDS
    defaults = dataclasses.asdict(Recipe())
    assert RecipeOverrides(**defaults).changes() == {key: value for key, value in defaults.items() if value is not None}


@given(
    learning_rate=st.floats(-1, 1),
    warmup_ratio=st.floats(-0.5, 1.5),
    adam_beta1=st.floats(-0.5, 1.5),
    adam_epsilon=st.floats(-1, 1),
    max_length=st.integers(0, 8),
    batch_size=st.integers(-1, 2),
    precision=st.sampled_from(["fp32", "fp64", "bf16", "tf32", "fp8"]),
)
def test_the_file_accepts_a_recipe_exactly_where_training_does(**values: object) -> None:
    try:
        Recipe().override(values)
        accepted_by_training = True
    except ValueError:
        accepted_by_training = False
    try:
        RecipeOverrides.model_validate(values)
        accepted_by_file = True
    except ValueError:
        accepted_by_file = False
    assert accepted_by_file == accepted_by_training


def test_pretraining_is_described_by_the_options_that_pretraining_takes() -> None:
    from stabbench.models.pretraining import PretrainingOptions

    options = {field.name: field.default for field in dataclasses.fields(PretrainingOptions)}
    options.pop("vocabulary")
    block = PretrainingBlock().model_dump()
    for text in ("sentences", "pairs"):
        block.pop(text)
    assert block == options


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1-5", (1, 2, 3, 4, 5)),
        ("1,2,5-7", (1, 2, 5, 6, 7)),
        (" 3 , 1 ", (3, 1)),
        ("0", (0,)),
        ("7-7", (7,)),
        ([4, 2], (4, 2)),
        (9, (9,)),
    ],
)
def test_seeds_are_read_as_people_write_them(text: object, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1-", "found '1-', expected seeds such as '1-25' or '1,2,5-9': the range '1-' has no end"),
        ("5-3", "found '5-3', a range that falls: did you mean '3-5'?"),
        ("1,2,1", "found seed 1 twice"),
        ("1-3,2", "found seed 2 twice"),
        ("-3", "found '-3', expected seeds of 0 or more"),
        ([1, -3], "found -3, expected seeds from 0 to"),
        ("", "found ''"),
        ([], "found no seed"),
        ("a-b", "found 'a-b', expected seeds such as"),
        ("1;2", "found '1;2', expected seeds such as"),
        ("1-2-3", "found '1-2-3', expected seeds such as"),
        ("1.5", "found '1.5', expected seeds such as"),
        ([1.5], "found 1.5 among the seeds, expected whole numbers"),
        (True, "found True, expected seeds such as"),
        (None, "found None, expected seeds such as"),
        ("1-9999999", "9,999,999 seeds, expected at most 100,000"),
        ("99999999999", "found 99999999999, expected seeds from 0 to"),
        ("²", "found '²', expected seeds such as"),
    ],
)
def test_what_is_no_list_of_seeds_is_refused(text: object, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_seeds(text)
    assert message in str(caught.value)


@given(st.lists(st.integers(0, 10_000), min_size=1, unique=True))
def test_a_list_and_its_text_name_the_same_seeds(seeds: list[int]) -> None:
    assert parse_seeds(",".join(map(str, seeds))) == parse_seeds(seeds) == tuple(seeds)


OWN = "{files: {train: a.csv, dev: b.parquet}, text: [title, body], label: kind}"


def with_task(block: str) -> str:
    return f"{SMALL}tasks:\n  acceptability: {block}\n"


def test_a_task_of_own_files_needs_no_data_set_even_under_the_name_of_one(read: Read) -> None:
    task = read(with_task(OWN)).tasks["acceptability"]
    assert task.dataset is None
    assert task.files is not None
    assert (task.files.train, task.files.dev) == ("a.csv", "b.parquet")
    assert (task.text, task.label) == (("title", "body"), "kind")
    assert read(with_task("{files: {train: a, dev: b}, text: body, label: y}")).tasks["acceptability"].text == ("body",)


def test_labels_may_be_written_as_words_numbers_or_truth_values(read: Read) -> None:
    for written, labels in (("[no, yes]", ("no", "yes")), ("[0, 1]", ("0", "1")), ("[false, true]", ("false", "true"))):
        assert read(with_task(f"{OWN[:-1]}, labels: {written}}}")).tasks["acceptability"].labels == labels


@pytest.mark.parametrize(
    ("block", "mistake"),
    [
        ("{files: {train: a, dev: b}, text: x}", "found files, text without label, expected {files: {train: …"),
        (f"{OWN[:-1]}, dataset: rte}}", "found files, text, label beside dataset, expected one or the other"),
        ("{files: {dev: a}, text: x, label: y}", "files.train: is missing: add it"),
        (f"{OWN[:-1]}, labels: [a, a]}}", "labels: found 'a' twice, expected each once"),
        ("{files: {train: a, dev: b}, text: [x, y, z], label: y}", "expected a column such as text, or two such as"),
        (f"{OWN[:-1]}, metrics: [auc]}}", "metrics: unknown metric 'auc': did you mean 'auroc'? Known: accuracy, "),
    ],
)
def test_a_block_of_own_files_says_what_it_lacks(read: Read, block: str, mistake: str) -> None:
    (only,) = mistakes(read, with_task(block))
    assert mistake in only


def test_a_task_that_is_neither_a_data_set_nor_own_files_says_what_can_be_written(read: Read) -> None:
    text = SMALL.replace("[acceptability]", "[mine]") + "tasks: {mine: {train_size: 10}}\n"
    (only,) = mistakes(read, text)
    assert only.startswith("tasks.mine: found neither dataset nor files, expected {dataset: <name>} or {files:")


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ({"strategies": {"devlin": {"plugin": "devlin", "recipe": {"epochs": 4}}}}, {"plan.json"}),
        ({"keep_weights": [1]}, {"plan.json"}),
        ({"report": {"alpha": 0.01}}, {"report.json"}),
        ({"studies": {"crossed": {"levels": 2}}}, {"plan.json", "report.json", "track.json"}),
        ({"probes": {"surface": {"points": 5}}}, {"report.json", "track.json", "probes/surface.json"}),
        ({"preset": "mine"}, {"report.json", "track.json"}),
        ({"tasks": {"rte": {"dataset": "rte", "train_size": 9}}}, {"plan.json", "tasks/rte.json"}),
        ({"models": {"embedded": {"pretraining": {"steps": 900}}}}, {"pretraining/embedded.json"}),
        ({"models": {"embedded": {"learning_rate": 1e-3}}}, {"plan.json"}),
        ({"studies": None, "keep_weights": None, "tasks": {"rte": {}}, "models": {"embedded": {}}}, set()),
    ],
    ids=lambda value: "-".join(sorted(value)) or "nothing",
)
def test_a_stage_sees_what_it_reads_of_params_yaml_and_its_defaults(
    tmp_path: Path, change: dict[str, Any], touched: set[str]
) -> None:
    least = {"seeds": "1-2", "grid": {"models": ["embedded"], "tasks": ["rte"], "strategies": ["devlin"]}}
    found = []
    for content in (least, {**least, **change}):
        (tmp_path / "params.yaml").write_text(json.dumps(content))
        found.append(parts(load(tmp_path / "params.yaml")))
    before, after = found
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == touched
