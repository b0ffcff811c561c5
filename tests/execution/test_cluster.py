"""Training on a real Ray cluster of several nodes on this machine: the results are the local ones, whatever dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.plan import Cell
from stabbench.records import Record, Store
from tests.faults.processes import wait_until

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'stabbench[ray]'")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
SYSTEM = {"worker_niceness": 0, "health_check_initial_delay_ms": 0, "health_check_period_ms": 1000}
STORE = Path(".stabbench/runs")
PERCEPTRON = Path(__file__).parents[1] / "commands/perceptron.py"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without work and two nodes with one CPU each, all real raylets; this process has joined it."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "_system_config": SYSTEM})
    for _ in range(2):
        cluster.add_node(**NODE)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def on_cluster(cluster: Any, project: Path) -> Callable[..., Result]:
    """`stabbench train` with the cluster as launcher."""
    return lambda *arguments: train("--launcher", "ray", *arguments)


def train(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", *arguments], catch_exceptions=False)


def cell(strategy: str = "devlin") -> Cell:
    return Cell.read(Path("plan/embedded/acceptability") / f"{strategy}.json")


def record(seed: int, strategy: str = "devlin", store: Path | str = STORE) -> Record:
    found = Store(Path(store)).find(cell(strategy).fingerprint(seed))
    assert found is not None
    return found


def digests(strategy: str = "devlin", store: Path | str = STORE) -> dict[int, str]:
    found = {seed: record(seed, strategy, store) for seed in cell(strategy).seeds}
    return {seed: each.result.result_digest for seed, each in found.items()}


@pytest.fixture(scope="module")
def filled(cluster: Any, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project whose plan the cluster has trained, and this machine into the store `local`; what the first said."""
    folder = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("filled") / "project"))
    with (folder / "params.yaml").open("a") as file:
        file.write("keep_weights: [2]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
            patch.delenv(name, raising=False)
        assert CliRunner().invoke(main, ["plan"]).exit_code == 0
        result = train("--launcher", "ray", "--all", "--marker", "filled.json")
        assert result.exit_code == 0, result.output
        train("--store", "local")
    return folder, result.output


@pytest.fixture
def in_filled(filled: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What the cluster's training said; its project is the current folder."""
    monkeypatch.chdir(filled[0])
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    return filled[1]


def test_results_on_a_cluster_are_those_of_this_machine_bit_for_bit(in_filled: str) -> None:
    assert digests() == digests(store="local")
    assert record(1).provenance().keys() == record(1, store="local").provenance().keys()
    assert record(1).provenance()["device"] == record(1, store="local").provenance()["device"]
    assert list((STORE / ".checkpoints").iterdir()) == []


def test_a_plan_that_a_cluster_has_filled_is_done_for_the_pipeline(in_filled: str) -> None:
    assert "4 runs trained, 0 already there" in in_filled
    assert Path("filled.json").exists()
    assert "0 trained, 4 already there" in train().output


def test_kept_weights_come_back_from_a_cluster(in_filled: str) -> None:
    there, here = record(2).weights, record(2, store="local").weights
    assert there is not None
    assert here is not None
    assert (there / "model.safetensors").read_bytes() == (here / "model.safetensors").read_bytes()


def test_a_strategy_in_a_file_that_no_node_has_trains_and_an_error_in_it_is_its_own_seeds(
    on_cluster: Callable[..., Result], add_strategy: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
factor = float(os.environ["ONLY_WHERE_THE_COMMAND_RUNS"])

def before_update(self, weights, gradients, state, ctx):
    if ctx.draws[0].seed == 3 and ctx.step == 2:
        raise RuntimeError("seed three does not like this")
    for gradient in gradients.values():
        gradient.mul_(self.factor)
"""
    monkeypatch.setenv("ONLY_WHERE_THE_COMMAND_RUNS", "0.5")
    add_strategy("fussy", body)
    result = on_cluster("--strategy", "fussy")
    assert result.exit_code == 1
    assert "3 trained" in result.output
    assert "seed 3: RuntimeError: seed three does not like this" in result.output
    train("--strategy", "fussy", "--store", "local")
    assert record(3, "fussy").error == record(3, "fussy", "local").error
    assert record(3, "fussy").status == "error"
    assert [record(seed, "fussy").result.result_digest for seed in (1, 2, 4)] == [
        record(seed, "fussy", "local").result.result_digest for seed in (1, 2, 4)
    ]


def test_a_node_that_dies_in_the_middle_of_a_training_costs_nothing(
    cluster: Any, on_cluster: Callable[..., Result], add_strategy: Callable[[str, str], None], tmp_path: Path
) -> None:
    body = f"""
def after_update(self, weights, state, ctx):
    if ctx.draws[0].seed == 2 and ctx.step == 4 and not os.path.exists("{tmp_path}/killed"):
        open("{tmp_path}/killed", "w").close()
        import threading

        os.kill(os.getppid(), signal.SIGKILL)
        threading.Event().wait()
"""
    add_strategy("mortal", body)
    before = [node for node in cluster.worker_nodes if node.any_processes_alive()]
    result = on_cluster("--strategy", "mortal")
    assert (tmp_path / "killed").exists()
    dead = [node for node in before if node.dead_processes()]
    for node in dead:
        cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(**NODE)
    assert len(dead) == 1, "the raylet was to be killed"
    assert result.exit_code == 0, result.output
    assert "4 trained" in result.output
    train("--strategy", "mortal", "--store", "local")
    assert digests("mortal") == digests("mortal", "local")


def test_a_run_that_takes_its_worker_with_it_again_and_again_is_an_error(
    on_cluster: Callable[..., Result], add_strategy: Callable[[str, str], None], tmp_path: Path
) -> None:
    body = f"""
def after_update(self, weights, state, ctx):
    if ctx.draws[0].seed == 2:
        open("{tmp_path}/tries", "a").write("x")
        os.kill(os.getpid(), signal.SIGKILL)
"""
    add_strategy("mortal", body)
    result = on_cluster("--strategy", "mortal", "--seeds", "1-2")
    assert result.exit_code == 1
    assert str(record(2, "mortal").error).startswith("WorkerLost: ")
    assert (tmp_path / "tries").read_text() == "xxx"
    assert record(1, "mortal").finished


def test_a_stopped_command_leaves_no_task_and_its_states_to_go_on_from(
    on_cluster: Callable[..., Result], cluster: Any, project: Path
) -> None:
    params = (project / "params.yaml").read_text()
    long = params.replace("{plugin: devlin}", "{plugin: devlin, recipe: {epochs: 4000}}")
    (project / "params.yaml").write_text(long)
    environment = {**os.environ, "RAY_ADDRESS": cluster.address, "STABBENCH_CHECKPOINT_MINUTES": "0"}
    command = [sys.executable, "-m", "stabbench", "train", "--launcher", "ray"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert wait_until(lambda: list((STORE / ".checkpoints").glob("*/state.json")), 60), "no training has begun"
    assert tasks()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode != 0, said
    assert wait_until(lambda: not tasks(), 30), "a task outlived the command"


def test_a_cluster_without_a_gpu_is_one_message_where_one_is_asked_for(on_cluster: Callable[..., Result]) -> None:
    result = on_cluster("--device", "cuda")
    assert result.exit_code == 2
    assert "the Ray cluster has no GPU" in result.output
    assert not list(STORE.glob("??/*"))


def tasks() -> list[str]:
    """The processes on this machine in which a job is trained for a cluster."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.startswith("ray::_events")]


OTHERS = """
  trainer: {plugin: hf-default, trainer: huggingface, recipe: {learning_rate: 1.0e-3, epochs: 1}}
  command: {trainer: {command: "PYTHON perceptron.py --seed {seed} --data {data} --out {out}", data: csv}}
"""


@pytest.mark.timeout(600)
def test_every_trainer_trains_on_a_cluster_and_in_shards_what_it_trains_here(
    on_cluster: Callable[..., Result], project: Path
) -> None:
    shutil.copy(PERCEPTRON, project)
    params = (project / "params.yaml").read_text().replace("strategies: [devlin]", "strategies: [trainer, command]")
    params = params.replace("seeds: 1-4", "seeds: 1").replace("acceptability", "entailment")
    (project / "params.yaml").write_text(f"{params}{OTHERS.replace('PYTHON', sys.executable)}")
    for command in (["prepare"], ["plan"], ["train", "--all"]):
        assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    cells = [Cell.read(path) for path in Path("plan/embedded/entailment").glob("*.json")]
    wanted = {cell.fingerprint(seed) for cell in cells for seed in cell.seeds}
    here = _digests(wanted, STORE)
    assert on_cluster("--all", "--store", "there").exit_code == 0
    for shard in ("1/2", "2/2"):
        assert train("--all", "--shard", shard, "--store", "shards").exit_code == 0
    assert _digests(wanted, "there") == _digests(wanted, "shards") == here
    assert len(here) == 2


def _digests(fingerprints: set[str], store: Path | str) -> dict[str, str]:
    found = {fingerprint: Store(Path(store)).find(fingerprint) for fingerprint in fingerprints}
    return {name: each.result.result_digest for name, each in found.items() if each is not None}
