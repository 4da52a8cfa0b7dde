import json
import random
import resource
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from o1exp.flow import forks
from tests.app.commands import TINY, o1exp, start
from tests.app.teacher import CountingTeacher
from tests.finished import SECRET, WORDS, Finished
from tests.waiting import LONG, until


def _digests(outputs: Path) -> dict[str, str]:
    found = outputs.glob("artefacts/*/[0-9a-f]*/manifest.json")
    return {str(path.parent.relative_to(outputs)): json.loads(path.read_text())["digest"] for path in found}


@pytest.fixture(scope="module")
def copy(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a tiny quick start ran with an API key in its environment, as a copy that goes on elsewhere."""
    return finished.copy(tmp_path_factory.mktemp("copy")).folder


def test_a_run_ends_with_the_table_and_where_to_look(copy: Path, finished: Finished) -> None:
    said = finished.said
    assert "long thoughts" in said
    assert "shortcut" in said
    assert said.splitlines()[-2].startswith("Report: open outputs/runs/quickstart-")
    assert said.splitlines()[-1] == "MLflow: python -m o1exp.track, then open http://127.0.0.1:5000"
    page = next((copy / "outputs" / "runs").glob("quickstart-*/report.html"))
    assert str(page.relative_to(copy)) in said


def test_both_arms_share_what_they_have_in_common(copy: Path) -> None:
    made = {path.name: len(list(path.glob("*/manifest.json"))) for path in (copy / "outputs" / "artefacts").iterdir()}
    assert made["Distil"] == 1
    assert made["Untrained"] == 1
    assert made["Sft"] == 3  # phase 1 once, phase 2 for each arm
    assert made["Report"] == 1


def test_a_second_run_makes_nothing_and_costs_little_more_than_a_plan(copy: Path, tmp_path: Path) -> None:
    before = _digests(copy / "outputs")
    done, spent = _with_cpu_seconds(copy, tmp_path / "run", *WORDS)
    assert done.returncode == 0, done.stderr
    assert "made  " not in done.stdout
    assert "0 stages made" in done.stdout
    assert _digests(copy / "outputs") == before
    planned, least = _with_cpu_seconds(copy, tmp_path / "plan", *WORDS, "action=plan")
    assert planned.returncode == 0, planned.stderr
    assert spent < 3 * least


def _with_cpu_seconds(folder: Path, place: Path, *words: str) -> "tuple[subprocess.CompletedProcess[str], float]":
    """What a command came to, and the CPU seconds that it took, in the process that it was forked to too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = o1exp(folder, *words, env={forks.CPU_SECONDS: str(place)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    here = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, here + (float(place.read_text()) if place.exists() else 0.0)


def test_an_api_key_is_in_no_file(copy: Path) -> None:
    for path in (copy / "outputs").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_plan_and_why_after_a_run(copy: Path) -> None:
    plan = o1exp(copy, *WORDS, "action=plan", "think.lr=0.5e-3")
    assert plan.returncode == 0, plan.stderr
    assert "reuse" in plan.stdout
    assert "make" in plan.stdout
    why = o1exp(copy, *WORDS, "action=why", "think.lr=0.5e-3")
    assert "lr: " in why.stdout
    assert "-> 0.0005" in why.stdout
    assert "Distil" not in why.stdout


def test_another_goal_makes_only_what_it_needs(tmp_path: Path) -> None:
    done = o1exp(tmp_path, *TINY, "goal=verify")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "outputs" / "artefacts").iterdir()} <= {"Arithmetic", "Distil", "Rejection", "Solutions"}


@pytest.mark.slow
def test_a_sweep_shares_stages_and_compares_its_cells(copy: Path) -> None:
    done = o1exp(copy, "-m", *WORDS, "seed=0,1", "thought=distil,shortcut")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = max((copy / "outputs" / "runs").glob("quickstart-*/cells")).parent
    record = json.loads((folder / "run.json").read_text())
    assert sorted(record["arms"]) == [f"seed={s} thought={t}" for s in (0, 1) for t in ("distil", "shortcut")]
    assert (folder / "report.html").exists()
    counts = {stage: len(list((copy / "outputs" / "artefacts" / stage).glob("[0-9a-f]*"))) for stage in ("Distil", "Sft", "Arithmetic")}
    assert counts == {"Distil": 1, "Sft": 6, "Arithmetic": 2}


@pytest.mark.slow
def test_a_failed_cell_stops_no_other(copy: Path) -> None:
    done = o1exp(copy, "-m", *WORDS, "hydra/launcher=basic", "think.lr=1e-3,1e30")  # the second one diverges
    assert done.returncode == 1, done.stdout + done.stderr
    folder = max((copy / "outputs" / "runs").glob("quickstart-*/cells"), key=lambda path: path.stat().st_mtime).parent
    record = json.loads((folder / "run.json").read_text())
    assert len(record["arms"]) == 1
    assert len(record["failed"]) == 1


@pytest.mark.slow
def test_two_processes_at_once_end_with_one_set_of_artefacts(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: o1exp(tmp_path, *TINY), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stdout + done.stderr for done in both]
    assert len(list((tmp_path / "outputs").glob("artefacts/Report/*/manifest.json"))) == 1
    assert not list((tmp_path / "outputs").glob("artefacts/*/.*.part"))


@pytest.mark.slow
def test_an_interrupt_ends_cleanly_and_the_next_run_goes_on(tmp_path: Path) -> None:
    process = start(tmp_path, *TINY)
    until(lambda: list((tmp_path / "outputs").glob("scratch/Sft-*/spec.json")))
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=LONG)[0]
    assert process.returncode == 130, said
    assert "run the same command again" in said
    assert o1exp(tmp_path, *TINY).returncode == 0


def test_a_spent_budget_ends_with_code_3_and_goes_on_when_raised(tmp_path: Path) -> None:
    with CountingTeacher(tmp_path) as teacher:
        words = (*TINY, "goal=verify", "teacher=endpoint", "teacher.model=procedural", f"teacher.base_url={teacher.base_url}",
                 "teacher.max_tokens=400", "teacher.usd_per_million_completion=1000", "teacher.concurrency=1")  # fmt: skip
        stopped = o1exp(tmp_path, *words, "budget.usd=0.9")
        assert stopped.returncode == 3, stopped.stdout + stopped.stderr
        assert "budget.usd" in stopped.stderr
        paid = len(teacher.requests())
        assert 0 < paid < 12
        assert o1exp(tmp_path, *words, "budget.usd=1000").returncode == 0
        assert len(teacher.requests()) == len(set(teacher.requests()))


def _kill_at_random(folder: Path, words: list[str], teacher: CountingTeacher, times: int) -> None:
    """Start and kill -9 again and again; what was recorded at a kill must never be asked again."""
    luck = random.Random(0)
    for _ in range(times):
        process = start(folder, *words)
        time.sleep(luck.uniform(1.0, 22.0))
        process.kill()
        process.wait()
        teacher.mark(folder / "outputs" / "requests.sqlite")


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_ten_kills_leave_the_same_artefacts_and_pay_nothing_twice(tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "a", tmp_path / "b"
    for folder in (undisturbed, disturbed):
        folder.mkdir()
    with CountingTeacher(tmp_path, delay_ms=40) as teacher:
        words = [*TINY, "source.count=60", "think.max_tokens=60000", f"teacher.base_url={teacher.base_url}", "teacher.concurrency=2"]
        assert o1exp(undisturbed, *words).returncode == 0
        needed = len(teacher.requests())
        teacher.forget()
        _kill_at_random(disturbed, words, teacher, times=10)
        final = o1exp(disturbed, *words)
        assert final.returncode == 0, final.stdout + final.stderr
        sent = len(teacher.requests())
    assert _digests(disturbed / "outputs") == _digests(undisturbed / "outputs")
    # Only requests in flight at a kill (2 at a time) may have been answered without anybody there to record it.
    assert needed <= sent <= needed + 2 * 10
    assert teacher.repeated_after_recording() == 0


def test_no_process_is_left(copy: Path) -> None:
    """One that is told to end may still be doing so."""
    until(lambda: str(copy) not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)


def test_the_last_line_names_a_command_that_works_from_here(copy: Path, tmp_path: Path) -> None:
    """`make ui` works in the checkout alone, and shows its own outputs folder."""
    done = o1exp(tmp_path, *WORDS, f"outputs={copy / 'outputs'}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"MLflow: python -m o1exp.track --outputs {copy / 'outputs'}, then open")
