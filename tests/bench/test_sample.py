"""The Sample stage: rows, keys, settings, and a run that is killed."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from o1exp.bench.engines.embedded import Embedded
from o1exp.bench.engines.engine import SamplingJob
from o1exp.bench.engines.remote import Remote
from o1exp.bench.sample import Sample
from o1exp.flow import Checkpoint, Machine, SettingsError, Stage, StageFailed, Store, Work
from tests.bench.tiny import Sums, Tiny, save_tiny
from tests.waiting import alive, until

STAGE = Sample(model=Tiny(), problems=Sums(), samples=3, temperature=0.7, max_tokens=150, batch_size=2)

KILLED = """
import sys
from pathlib import Path
from o1exp.flow import Store
from tests.bench.test_sample import STAGE
Store(Path(sys.argv[1])).get(STAGE)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("outputs"))
    store.make([STAGE])
    return store


def test_attempts_are_k_per_problem_in_order(store: Store) -> None:
    attempts = list(STAGE.open(store.folder(STAGE)))
    assert [(a.problem, a.draw) for a in attempts] == [(f"sum-{i}", draw) for i in range(6) for draw in range(3)]
    assert len({a.text for a in attempts}) == 18
    assert all(a.tokens == 150 for a in attempts if a.finish_reason == "length")
    manifest = store.manifest(STAGE)
    assert manifest is not None
    assert manifest.facts["rows"] == 18
    assert manifest.facts["tokens"] == manifest.facts["tokens_made_now"] == sum(a.tokens for a in attempts)
    assert manifest.cpu_seconds > 0.3, "the child's too"


@pytest.mark.slow
def test_the_engine_of_a_gpu_notes_its_speed(store: Store, tmp_path: Path) -> None:
    """The way of a GPU, which a machine without one runs in plain torch; the answers are those of the CPU's way."""
    attempts = list(STAGE.open(store.folder(STAGE)))
    (tmp_path / "scratch").mkdir()
    work = Work(STAGE, tmp_path / "folder", tmp_path / "scratch", store)
    model, problems = Checkpoint(str(store.folder(Tiny()) / "model")), tuple(Sums().open(store.folder(Sums())))
    job = SamplingJob(problems=problems, sampling=STAGE.sampling, model=model, machine=Machine(accelerator="gpu"))
    assert Embedded().attempts(job, work) == attempts
    facts = work.facts
    assert facts["tokens_made_now"] == sum(found.tokens for found in attempts)
    assert facts["attention_kernel"] == "torch"
    assert facts["tokens_read_per_second"] > 0
    assert facts["tokens_written_per_second"] > 0


@dataclass(frozen=True, kw_only=True)
class Lost(Stage[Checkpoint]):
    """A model that has lost its numbers."""

    def make(self, work: Work) -> None:
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(save_tiny(work.folder / "model"))
        model.lm_head.weight.data[7, 3] = float("nan")
        model.save_pretrained(work.folder / "model")


def test_a_model_that_gives_no_number_ends_the_stage_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"/Lost/[^ ]*/model: its weights give logits that are no numbers") as failed:
        Store(tmp_path).make([replace(STAGE, model=Lost())])
    assert "Traceback" not in str(failed.value)


def test_prompts_without_room_are_told(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    stage = replace(STAGE, model=Tiny(positions=8))
    store.make([stage])
    assert "no room for an answer to 2 of 6 problems, whose prompts" in " ".join(capsys.readouterr().out.split())
    reasons = [a.finish_reason for a in stage.open(store.folder(stage)) if a.problem == "sum-5"]
    assert reasons == ["no_room"] * 3
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["no_room"] == 6
    assert manifest.facts["truncated"] == 12


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(store: Store, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"})
    finished = tmp_path / "scratch" / f"Sample-{STAGE.key}" / "answers"
    until(lambda: list(finished.glob("*/*.jsonl")) or run.poll() is not None)
    child = [int(pid) for thread in Path(f"/proc/{run.pid}/task").iterdir() for pid in started_by(thread)]
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "artefacts" / "Sample" / STAGE.key).exists(), "it was too fast to be killed"
    assert child, "no generating process was found"
    until(lambda: not any(map(alive, child)))
    again = Store(tmp_path)
    again.get(STAGE)
    mine, other = again.manifest(STAGE), store.manifest(STAGE)
    assert mine is not None
    assert other is not None
    assert mine.digest == other.digest
    assert mine.facts["tokens_made_now"] < other.facts["tokens_made_now"]


def started_by(thread: Path) -> list[str]:
    try:
        return (thread / "children").read_text().split()
    except OSError:  # it has ended since
        return []


def test_only_the_local_engine_takes_a_gpu_and_no_more_than_one() -> None:
    machine = Machine(accelerator="gpu", devices=8)
    assert STAGE.gpus == 0
    assert STAGE.replace(machine=machine).gpus == 1
    assert STAGE.replace(machine=Machine(accelerator="gpu", devices=8, launcher="slurm")).gpus == 0
    assert Sample(model=None, problems=Sums(), engine=Remote(model="m"), machine=machine).gpus == 0


def test_how_to_run_is_no_part_of_the_key() -> None:
    assert STAGE.replace(batch_size=64, machine=Machine(threads=2, accelerator="gpu")).key == STAGE.key
    assert len({STAGE.replace(**{name: value}).key for name, value in CHANGES.items()} | {STAGE.key}) == len(CHANGES) + 1


CHANGES = {
    "samples": 4, "temperature": 0.8, "top_p": 0.9, "max_tokens": 7, "seed": 1, "prompt": "Q: {question}", "system": "x", "stop": ("\n",),
    "think_end": "#", "min_thinking_tokens": 5, "max_thinking_tokens": 9, "wait": "Hm", "force_answer": "So",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "solve"}, "prompt=solve: has no {question}"),
        ({"samples": 2}, "samples=2: greedy decoding gives the same answer"),
        ({"stop": ("a", "")}, "stop: contains an empty string"),
        ({"top_p": 0}, "top_p=0: must be greater than 0"),
        ({"engine": "vllm"}, "engine=vllm: must be of type InferenceEngine"),
        ({"model": None}, "model: the embedded engine needs a model"),
        ({"max_thinking_tokens": 9, "think_end": ""}, "max_thinking_tokens=9: needs think_end"),
        ({"max_thinking_tokens": 9, "min_thinking_tokens": 10}, "min_thinking_tokens=10: must not be above max_thinking_tokens=9"),
        ({"min_thinking_tokens": 10, "wait": ""}, "wait=: is empty"),
        ({"engine": Remote(model="m"), "max_thinking_tokens": 9}, "max_thinking_tokens=9: budget forcing needs the embedded engine"),
        ({"engine": Remote(model="m"), "temperature": 3.0}, "temperature=3.0: must lie between 0 and 2"),
    ],
)
def test_wrong_settings_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        Sample(**{"model": Tiny(), "problems": Sums(), **fields})  # type: ignore[arg-type]
    assert message in str(wrong.value)


@pytest.mark.parametrize(("problems", "message"), [(Sums(twice=True), "have the id 'sum-0'"), (Sums(count=0), "no problems")])
def test_problems_must_be_there_and_have_ids_of_their_own(problems: Sums, message: str, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=message):
        Store(tmp_path).make([Sample(model=Tiny(), problems=problems)])
