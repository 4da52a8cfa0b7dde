"""A study as jobs of a cluster: cut, submitted, watched, gone on with. The cluster is this machine; what its jobs run is real."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from o1exp.app.slurm.jobs import limit
from o1exp.app.slurm.kept import Ending, KeptJob, end, keep, kept
from o1exp.app.slurm.queue import queued, requeue
from o1exp.app.slurm.states import standing
from tests.app.cluster import Cluster, until
from tests.app.commands import TINY, o1exp, start
from tests.inside import Command

SLURM = ("machine.launcher=slurm", "track=none")
DATA = ("goal=verify", "thought=shortcut", "source.count=5", *SLURM)
"""Stages that cost nothing."""
TRAINED = (
    *(word for word in TINY if not word.startswith(("imitate", "think", "source", "bench"))), "goal=think", "arms={}", "sft@imitate=skip",
    "thought=shortcut", "source.count=60", "think.max_tokens=40000", "think.batch_tokens=1024", "think.checkpoint_seconds=100000", *SLURM,
)  # fmt: skip
"""One training of some forty steps, whose only checkpoint is that of its end."""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster.made(tmp_path / "cluster")
    monkeypatch.setenv("PATH", made.env["PATH"])
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("O1EXP_FORKS", raising=False)  # jobs outlive what this process has loaded
    yield made
    made.end()


def job(**changes: str) -> KeptJob:
    return KeptJob(**{"name": "a-think", "number": "4711", "kind": "train", "keys": ("k",), "hours": 3.0, "log": "a.log", **changes})  # type: ignore[arg-type]


def test_a_time_limit_is_as_slurm_reads_it() -> None:
    assert [limit(hours) for hours in (0, 0.5, 10, 24, 100.5)] == ["0-01:00:00", "0-01:00:00", "0-10:00:00", "1-00:00:00", "4-05:00:00"]


def test_what_trains_samples_asks_and_computes_are_jobs_of_their_own(o1exp: Command) -> None:
    out = o1exp(
        "experiment=paper/math",
        "arms={}",
        "machine=slurm",
        "machine.nodes=4",
        "machine.devices=8",
        "machine.cpu_partition=cpu",
        "action=plan",
    ).out
    heads = re.findall(r"^(paper-math-(\S+?)-[0-9a-f]{8})(?:, after ([^:]+))?:", out, re.MULTILINE)
    labels = [label for _, label, _ in heads]
    assert labels == ["data", "reformat", "thought", "data", "data", "imitate", "think", "sample", "report"]
    after = {label: re.findall(r"paper-math-(\w+)", " ".join(before.split())) for _, label, before in heads}
    assert after["think"] == ["data", "data", "imitate"]  # its token ids are made while imitate trains
    assert after["imitate"] == ["data", "reformat", "data"]
    assert "think" in after["sample"]
    scripts = {label: script for (_, label, _), script in zip(heads, out.split("#!/bin/bash")[1:], strict=True)}
    assert "--nodes=4\n" in scripts["think"]
    assert "--gpus-per-node=8\n" in scripts["think"]
    assert "--nodes=1\n" in scripts["sample"]
    assert "gpus-per-node" not in scripts["thought"]
    assert "--partition=cpu\n" in scripts["thought"]
    assert "--partition" not in scripts["think"]


def test_options_of_a_cluster_reach_every_script(o1exp: Command) -> None:
    more = (
        "machine.account=maths",
        "machine.partition=h100",
        "machine.sample_partition=a100",
        "machine.hours=30",
        'machine.sbatch=["--qos=long"]',
    )
    out = o1exp("experiment=paper/math", "arms={}", "action=plan", *more).out
    assert out
    scripts = out.split("#!/bin/bash")[1:]
    assert all("--account=maths\n" in script and "#SBATCH --qos=long\n" in script and "--time=1-06:00:00" in script for script in scripts)
    assert sum("--partition=h100\n" in script for script in scripts) == 2
    assert sum("--partition=a100\n" in script for script in scripts) == 1


def test_without_sbatch_the_run_says_so_before_anything_is_made(o1exp: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    done = o1exp(*DATA)
    assert done.code == 2
    assert "machine.launcher=slurm, but there is no sbatch here" in done.err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_a_run_submits_waits_and_is_found_again(o1exp: Command, cluster: Cluster, tmp_path: Path) -> None:
    done = o1exp(*DATA)
    assert done.code == 0, done.out + done.err
    assert "queued  " in done.out
    assert "done    " in done.out
    assert cluster.ended() == ["COMPLETED"]
    status = o1exp(*DATA, "action=status").out
    assert "3 of 3 stages are made: nothing is left to do" in status
    assert o1exp(*DATA).code == 0
    assert len(cluster.jobs.all()) == 1  # nothing was left to submit


@pytest.mark.slow
def test_a_failed_job_is_named_with_its_log_and_submitted_again(o1exp: Command, cluster: Cluster, tmp_path: Path) -> None:
    words = ("goal=source", *SLURM, "source=local", "source.path=gone.jsonl")
    (tmp_path / "gone.jsonl").write_text('{"question": "1 + 1", "answer": "2"}\n')
    (cluster.folder / "jobs" / "full").touch()  # it waits, and meanwhile its file is lost
    waiting = o1exp(*words, "machine.wait=false")
    assert waiting.code == 0, waiting.out + waiting.err
    assert "1 job is queued or running" in waiting.out
    assert "queued  " in o1exp(*words, "action=status").out
    (tmp_path / "gone.jsonl").rename(tmp_path / "kept.jsonl")
    (cluster.folder / "jobs" / "full").unlink()
    for _ in until(600):
        if cluster.jobs.all()[0]["state"] == "FAILED":
            break
    (tmp_path / "kept.jsonl").rename(tmp_path / "gone.jsonl")
    status = o1exp(*words, "action=status").out
    assert re.search(r"failed  study-data-\w+ \(job \d+\): failed: .*gone.jsonl.*\(its log: .*\.log\)", status), status
    again = o1exp(*words)  # another job of the same name, with an ending of its own
    assert again.code == 0, again.out + again.err
    assert cluster.ended() == ["FAILED", "COMPLETED"]


@pytest.mark.slow
def test_cells_of_a_sweep_are_jobs_too_and_share_what_they_share(cluster: Cluster, tmp_path: Path) -> None:
    """The experiment has arms, a cell has none."""
    words = ("-m", "experiment=quickstart", "goal=verify", "thought=shortcut", "verify.keep=1,2", "source.count=5", *SLURM)
    done = o1exp(tmp_path, *words, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    artefacts = tmp_path / "outputs" / "artefacts"
    made = {kind.name: len(list(kind.glob("*/manifest.json"))) for kind in artefacts.iterdir()}
    assert made == {"Arithmetic": 1, "Solutions": 1, "Rejection": 2}
    assert len(cluster.jobs.all()) == 2


def test_slurms_own_refusal_is_passed_on(o1exp: Command, cluster: Cluster) -> None:
    done = o1exp(*DATA, "machine.cpu_partition=nowhere")
    assert done.code == 1
    assert "invalid partition specified: nowhere" in done.err


@pytest.mark.slow
def test_a_queue_that_takes_no_more_is_told_with_what_goes_on(o1exp: Command, cluster: Cluster, tmp_path: Path) -> None:
    """The first job was submitted; the refused one is no job, and the same command submits it when there is room."""
    sbatch = cluster.folder / "bin" / "sbatch"
    whole = sbatch.read_text()
    count = tmp_path / "count"
    full = f"[ -e {count} ] && {{ echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1; }}\ntouch {count}\n"
    sbatch.write_text(whole.replace("#!/bin/sh\n", f"#!/bin/sh\n{full}"))
    words = ("goal=verify", "source.count=5", *SLURM)  # a source, then a stage that asks
    refused = o1exp(*words)
    assert refused.code == 1
    assert "QOSMaxSubmitJobPerUserLimit" in refused.err
    assert "the same command submits the rest" in refused.err
    assert len(kept(tmp_path / "outputs")) == 1
    status = o1exp(*words, "action=status").out
    assert "vanished" not in status
    assert "2 stages are in no job; the same command submits them" in status
    sbatch.write_text(whole)
    assert o1exp(*words).code == 0


def test_how_a_job_ended_is_a_sentence(cluster: Cluster, tmp_path: Path) -> None:
    said = {}
    for number, state in enumerate(("TIMEOUT", "CANCELLED", "NODE_FAIL", "BOOT_FAIL"), 1):
        (cluster.folder / "jobs" / str(number)).mkdir()
        cluster.jobs.change(str(number), state=state, name=f"n{number}", after=[])
        said[state] = standing(tmp_path, job(number=str(number)), {"k"}, {}).said
    assert said["TIMEOUT"].startswith("reached its time limit of 3 hours; what was done is kept")
    assert said["CANCELLED"] == "was cancelled (its log: a.log)"
    assert said["NODE_FAIL"].startswith("lost its node")
    assert said["BOOT_FAIL"] == "ended as BOOT_FAIL; its log says more: a.log"
    assert standing(tmp_path, job(number="99"), {"k"}, {}).said.startswith(
        "vanished: it is not in the queue, and nothing says how it ended"
    )
    assert standing(tmp_path, job(), set(), {}).state == "done"
    (tmp_path / "slurm").mkdir()
    end(tmp_path / "slurm" / "a-think", Ending("4711", 1, "failed: Sft 12: the loss is no number"))
    assert standing(tmp_path, job(), {"k"}, {}).said == "failed: Sft 12: the loss is no number (its log: a.log)"
    assert standing(tmp_path, job(number="4712"), {"k"}, {}).said.startswith("vanished")  # the word of an earlier job of that name


def test_a_job_is_found_by_its_name_where_the_login_node_died_while_submitting(cluster: Cluster, tmp_path: Path) -> None:
    (cluster.folder / "jobs" / "7").mkdir()
    cluster.jobs.change("7", state="RUNNING", name="a-think", after=[])
    live = queued()
    assert live is not None
    (tmp_path / "slurm").mkdir()
    keep(tmp_path, job(number=""))
    assert kept(tmp_path) == [job(number="")]
    assert standing(tmp_path, job(number=""), {"k"}, live).state == "running"


def test_a_cancelled_job_is_not_put_back(cluster: Cluster) -> None:
    for number, state in (("1", "CANCELLED"), ("2", "COMPLETING"), ("3", "RUNNING")):
        (cluster.folder / "jobs" / number).mkdir()
        cluster.jobs.change(number, state=state, name=number, after=[])
    assert [requeue(number) for number in ("1", "2", "3")] == ["the job is no longer running", "the job is COMPLETING", ""]
    assert [cluster.jobs.asked(number, "requeue") for number in ("1", "2", "3")] == [False, False, True]


def test_a_queue_that_does_not_answer_says_nothing_about_jobs(o1exp: Command, cluster: Cluster, tmp_path: Path) -> None:
    assert o1exp(*DATA, "machine.wait=false").code == 0
    (cluster.folder / "jobs" / "down").touch()
    assert queued() is None
    assert "squeue does not answer" in o1exp(*DATA, "action=status").out


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_whole_study_runs_as_jobs_on_two_nodes(cluster: Cluster, tmp_path: Path) -> None:
    words = (*TINY, *SLURM, "machine.nodes=2")
    done = o1exp(tmp_path, *words, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(cluster.ended()) == {"COMPLETED"}
    assert sorted(name.split("-")[1] for name in cluster.states() if "think" in name) == ["think", "think"]  # each arm's, side by side
    run = next((tmp_path / "outputs" / "runs").glob("*/run.json"))
    assert json.loads(run.read_text())["arms"].keys() == {"long thoughts", "shortcut"}
    assert "Report: open" in done.stdout
    for made in (tmp_path / "outputs" / "artefacts" / "Sft").glob("*/manifest.json"):
        assert json.loads(made.read_text())["how"]["machine"]["nodes"] == 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_preempted_training_saves_waits_its_turn_and_ends_with_the_same_bytes_whoever_submitted_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    first = start(tmp_path / "there", *TRAINED, "machine.nodes=2", env=cluster.env)
    rows, number = tmp_path / "there" / "outputs" / "scratch", ""
    for _ in until(600):
        assert first.poll() is None, first.communicate()[0]
        begun = [path for path in rows.glob("Sft-*/curve.jsonl") if path.read_text().count("\n") >= 5]
        thinking = [one for one in cluster.jobs.all() if "-think-" in one["name"] and one["state"] == "RUNNING"]
        if begun and thinking:
            number = thinking[0]["number"]
            break
    first.send_signal(signal.SIGKILL)  # the login node dies
    first.wait()
    cluster.ask(number, "preempt")
    second = o1exp(tmp_path / "there", *TRAINED, "machine.nodes=2", env=cluster.env, timeout=900)
    assert second.returncode == 0, second.stdout + second.stderr
    cluster.ended()
    thinking = [one for one in cluster.jobs.all() if "-think-" in one["name"]]
    assert [(one["number"], one["restarts"], one["state"]) for one in thinking] == [(number, 1, "COMPLETED")]
    log = next((tmp_path / "there" / "outputs" / "slurm").glob("*-think-*.log")).read_text()
    assert "ended early; what was done is kept" in log
    local = ("machine.launcher=local", "machine.devices=2")
    plain = o1exp(tmp_path / "here", *TRAINED, *local, timeout=900)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    there, here = (_think(tmp_path / folder) for folder in ("there", "here"))
    assert there["facts"]["resumed_at"] > 0
    assert there["digest"] == here["digest"]


def _think(folder: Path) -> dict[str, dict[str, int]]:
    found = [json.loads(path.read_text()) for path in (folder / "outputs" / "artefacts" / "Sft").glob("*/manifest.json")]
    longest: dict[str, dict[str, int]] = max(found, key=lambda one: one["facts"]["tokens"])
    return longest


def test_the_stand_in_refuses_what_slurm_refuses(cluster: Cluster, tmp_path: Path) -> None:
    script = tmp_path / "job"
    script.write_text("#!/bin/bash\n#SBATCH --job-name=a\n#SBATCH --partition=nowhere\n")
    done = subprocess.run(["sbatch", "--parsable", str(script)], env={**os.environ, **cluster.env}, capture_output=True, text=True)
    assert done.returncode == 1
