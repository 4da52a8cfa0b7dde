"""The plan and the reasons, as a reader of a narrow window or of a file sees them."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.inside import Command

SHORT = ("thought=shortcut", "goal=verify", "track=none")


@pytest.mark.parametrize("words", [["action=plan"], ["experiment=paper/math", "action=plan"], ["bench=[olympiadbench]", "action=plan"]])
def test_the_table_of_a_plan_fits_100_columns(o1exp: Command, words: list[str]) -> None:
    done = o1exp(*words)
    assert done.code == 0, done.err
    table = done.out[: done.out.index("to be made")]
    assert max(map(len, done.out.splitlines()[: len(table.splitlines()) + 1])) <= 100
    assert "…" not in done.out


def test_a_plan_says_what_arms_share_before_what_is_theirs(o1exp: Command) -> None:
    said = [line.split()[0] for line in o1exp("action=plan").out.splitlines()]
    order = ["source", "long", "think", "shortcut", "think", "report", "to"]
    places: list[int] = []
    for word in order:
        places.append(said.index(word, places[-1] + 1 if places else 0))
    assert places == sorted(places)
    assert said.count("think:") == 1  # one remark for the trainings of both arms


def test_why_says_causes_first_and_folds_what_follows(o1exp: Command) -> None:
    assert o1exp(*SHORT, "source.count=4").code == 0
    same = o1exp(*SHORT, "source.count=4", "action=why")
    assert same.out == "nothing would be made: every stage is there\n"
    lines = o1exp(*SHORT, "source.count=5", "source.seed=1", "action=why").out.splitlines()
    assert lines[0] == "3 stages would be made"
    assert lines[1].startswith("  source (Arithmetic ")
    assert lines[1].endswith("count: 4 -> 5; seed: 0 -> 1")
    assert lines[2:] == ["  because of these: thought (Solutions), verify (Rejection)"]


def test_why_names_what_never_was_and_is_not_cropped(o1exp: Command) -> None:
    assert o1exp(*SHORT, "source.count=4").code == 0
    prompt = "{question} " + "word " * 60
    done = o1exp("goal=verify", "track=none", "source.count=4", f"thought.prompt='{prompt}'", "action=why")
    lines = done.out.splitlines()
    assert lines[1:] == ["  never made here: thought (Distil)", "  because of these: verify (Rejection)"]
    assert o1exp("goal=thought", "track=none", "source.count=4").code == 0
    changed = o1exp("goal=thought", "track=none", "source.count=4", f"thought.prompt='{prompt}'", "action=why").out.splitlines()
    assert prompt.strip() in changed[1]


def test_a_plan_reads_like_a_page(o1exp: Command) -> None:
    done = o1exp("experiment=paper/math", "action=plan")
    lines = done.out.splitlines()
    before = lines[: next(place for place, line in enumerate(lines) if line.startswith("before a run"))]
    assert max(map(len, before)) <= 100
    for part in (
        "Plan      O1 replication by distillation, mathematics", "Question  Does SFT", "of weights from the hub", "of checkpoints",
        "Qwen/Qwen2.5-Math-72B: 72.7 billion parameters", "window 4,096", "4 nodes of 8 GPUs, 80 GB each", "80 GB a GPU: fits",
        "model states 42.7", "without recompute", "logits", "GPU-hours", "(2026-05)", "tokens/s", "At worst", "Budget    none",
        "Fits      yes: ",
    ):  # fmt: skip
        assert part in done.out or part in " ".join(done.out.split()), part


def test_the_batch_scripts_of_a_plan_are_scripts(o1exp: Command, tmp_path: Path) -> None:
    out = o1exp("experiment=paper/math", "action=plan", "machine.nodes=6", "source.limit=100").out
    assert "o1exp experiment=paper/math machine.nodes=6 source.limit=100 machine.launcher=local goal=thought" in out
    scripts = ["#!/bin/bash" + re.split(r"\n(?:paper-math-|before a run)", part)[0] for part in out.split("#!/bin/bash")[1:]]
    assert len(scripts) == 14
    trainings, sampling = ([script for script in scripts if f"--{what}" in script] for what in ("nodes=6", "job-name=paper-math-sample"))
    assert len(trainings) == 2
    assert len(sampling) == 3
    assert all("--gpus-per-node=8" in script and "--time=" in script for script in [*trainings, *sampling])
    assert all("machine.nodes=1" in script for script in sampling)
    for script in scripts:
        assert "action=plan" not in script
        (tmp_path / "job.sh").write_text(script)
        subprocess.run(["bash", "-n", str(tmp_path / "job.sh")], check=True)


def test_what_cannot_fit_is_said_in_the_plan_and_refused_at_the_start(o1exp: Command) -> None:
    machine = [f"machine.{setting}" for setting in ("devices=1", "activation_checkpointing=false", "zero_stage=1")]
    words = ("goal=think", "model=qwen2_5_7b", "sft@think=paper_thoughts", "sft@imitate=skip", "machine=gpu", *machine, "track=none")
    planned = o1exp(*words, "action=plan")
    assert planned.code == 0
    assert "does not fit; nearest that does: machine." in " ".join(planned.out.split())
    assert "\nFits      no: think; " in planned.out
    started = o1exp(*words)
    assert started.code == 2
    assert "but machine.memory_gb=80; nearest that does: machine." in started.err
    assert "but machine.memory_gb" not in o1exp(*words, "machine.memory_gb=0").err


def test_a_model_without_numbers_says_what_to_give(o1exp: Command) -> None:
    out = " ".join(o1exp("goal=think", "model=pretrained", "model.path=someone/something", "action=plan").out.split())
    assert "someone/something: unknown: give model.layers=..." in out
    given = ["model.layers=2", "model.hidden=64", "model.intermediate=128", "model.heads=4", "model.vocabulary=1000"]
    known = " ".join(o1exp("goal=think", "model=pretrained", "model.path=someone/something", *given, "action=plan").out.split())
    assert "someone/something: 210,240 parameters, 2 layers of width 64" in known


@pytest.mark.slow
def test_a_plan_without_scoring_has_no_job_for_it_and_one_on_this_machine_none(o1exp: Command) -> None:
    words = ("experiment=paper/math", "goal=think", "action=plan")
    out = o1exp(*words).out
    assert out.count("#!/bin/bash") == 7
    assert "paper-math-sample" not in out
    assert "#!/bin/bash" not in o1exp(*words, "machine.launcher=local").out


def test_a_plan_counts_the_problems_of_a_file_and_never_passes_over_requests_that_it_cannot_count(o1exp: Command, tmp_path: Path) -> None:
    rows = tmp_path / "own.jsonl"
    rows.write_text("".join(f'{{"problem": "Compute 1{n}+2.", "answer": "{n}"}}\n' for n in range(10)))
    taught = ("goal=thought", "teacher=gpt_4o", "thought.draws=1", "track=none", "action=plan")
    counted = o1exp("source=local", f"source.path={rows}", *taught).out
    assert re.search(r"^Total +10 requests; .*\$", counted, re.M)
    unknown = o1exp("source=hub", "source.name=some/set", "source.revision=abc", *taught).out
    assert "requests to models whose number is not known" in unknown
    assert "no requests" not in unknown
