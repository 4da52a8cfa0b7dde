"""Figures against accepted ones, the rows that a GPU part prints, and the whole command."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from o1exp.flow.gpus import boards
from tests.conftest import ROOT
from tests.speed import __main__ as command
from tests.speed import figures, gpu
from tests.speed.__main__ import Found
from tests.speed.figures import Figure
from tests.speed.measure import Measure

RATE = Figure("gpu-training 1.5B tok_s", 28_000.0, "tokens/s", "rate", "NVIDIA H100 80GB HBM3")
MEMORY = replace(RATE, name="gpu-training 1.5B gb", value=30.0, unit="GB", kind="memory")
KEPT = figures.accepted({}, [RATE, MEMORY], {"driver": "580", "commit": "abc"})


@pytest.mark.parametrize(
    ("figure", "worse"),
    [
        (replace(RATE, value=23_801), False),
        (replace(RATE, value=23_800), True),  # 15 % less
        (replace(RATE, value=90_000), False),
        (replace(MEMORY, value=31.4), False),
        (replace(MEMORY, value=31.5), True),  # 5 % more
        (replace(MEMORY, value=1), False),
        (replace(RATE, value=1, device="NVIDIA H200"), False),  # never accepted there
        (replace(RATE, value=1, name="gpu-training 7B tok_s"), False),
    ],
)
def test_a_fallen_rate_and_risen_memory_are_worse(figure: Figure, worse: bool) -> None:
    (change,) = figures.compared(KEPT, [figure])
    assert change.worse == worse


def test_what_is_worse_is_said_in_numbers() -> None:
    (slower, larger) = figures.compared(KEPT, [replace(RATE, value=14_000), replace(MEMORY, value=33)])
    assert slower.words == "gpu-training 1.5B tok_s fell by 50%: 2.8e+04 -> 1.4e+04 tokens/s (NVIDIA H100 80GB HBM3)"
    assert larger.words == "gpu-training 1.5B gb rose by 10%: 30 -> 33 GB (NVIDIA H100 80GB HBM3)"


def test_accepting_some_figures_keeps_the_others_and_their_commits(tmp_path: Path) -> None:
    figures.save(tmp_path / "kept.json", figures.accepted(KEPT, [replace(RATE, value=1.0)], {"driver": "590", "commit": "def"}))
    kept = figures.load(tmp_path / "kept.json")[RATE.device]
    assert kept["facts"] == {"driver": "590", "commit": "def"}
    assert {name: (row["value"], row["commit"]) for name, row in kept["figures"].items()} == {
        RATE.name: (1.0, "def"), MEMORY.name: (30.0, "abc"),
    }  # fmt: skip
    assert KEPT[RATE.device]["figures"][RATE.name]["value"] == 28_000  # what was read is not written into


def test_a_measure_counts_by_its_ratio_and_a_difference_of_losses_not_at_all() -> None:
    what = Measure("training", "TRL", "tokens per CPU-s", 726, 265)
    (speed,) = figures.of_measure(what)
    (memory,) = figures.of_measure(replace(what, unit="MB above the model"))
    assert (speed.kind, memory.kind, speed.device) == ("rate", "memory", "cpu")
    assert speed.value == pytest.approx(2.74, abs=0.01)
    assert figures.of_measure(replace(what, unit="nats")) == []


def test_rates_and_memory_of_a_gpu_row_are_figures_and_nothing_else_is() -> None:
    row = {
        "part": "1.5B-128",
        "tok_s": 5000,
        "tflops": 316.5,
        "mem_gb": 31.7,
        "seconds": 9.0,
        "steps": 8,
        "ok": True,
        "loss": [1.0],
        "kernel": "x",
    }
    found = figures.of_row("gpu-sampling", row, "H100")
    assert [(one.name, one.value, one.unit, one.kind) for one in found] == [
        ("gpu-sampling 1.5B-128 tok_s", 5000, "tokens/s", "rate"), ("gpu-sampling 1.5B-128 tflops", 316.5, "TFLOP/s", "rate"),
        ("gpu-sampling 1.5B-128 mem_gb", 31.7, "GB", "memory"),
    ]  # fmt: skip
    assert figures.of_row("gpu-training", {"run": "1.5B", "tok_s": 1}, "H100")[0].name == "gpu-training 1.5B tok_s"
    assert figures.of_row("gpu-training", {"run": "1.5B profile", "tok_s": 1}, "H100") == []


def test_lines_of_libraries_are_no_rows() -> None:
    lines = ['{"part": "a", "tok_s": 1}', "Loading checkpoint shards: 100%", "[1]", "{broken", '{"level": "info"}', "3"]
    assert [row for line in lines for row in gpu.parsed(line)] == [{"part": "a", "tok_s": 1}]


SMI = """#!/bin/sh
test "$1" = -L && echo 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-bench-test)' && exit
test "$4" = GPU-bench-test && echo 'NVIDIA H100 80GB HBM3, 580.95.05, 81559 MiB'
"""
TALKING = """
import json, os, sys
print("Loading checkpoint shards")
for case in sys.argv[1:]:
    print(json.dumps({"run": case, "tok_s": 20000 if case == "1.5B" else 1, "gpus": os.environ["CUDA_VISIBLE_DEVICES"]}), flush=True)
sys.exit(3 if "broken" in sys.argv else 0)
"""


def test_a_gpu_part_is_measured_on_a_gpu_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in place of the part, and one in place of nvidia-smi."""
    (folder / "talking.py").write_text(TALKING)
    (folder / "nvidia-smi").write_text(SMI)
    (folder / "nvidia-smi").chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(gpu, "PARTS", {"gpu-training": ("talking",)})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    boards.cache_clear()
    try:
        assert called(monkeypatch, "gpu-training:1.5B,7B lora", "--out", ".") == 1  # 28,000 were accepted
        found = json.loads((folder / "speed.json").read_text())
        assert (found["facts"]["device"], found["facts"]["driver"]) == (RATE.device, "580.95.05")
        assert [(row["run"], row["gpus"]) for row in found["rows"]] == [("1.5B", "0"), ("7B lora", "0")]
        assert found["failed"] == []
        assert called(monkeypatch, "gpu-training:broken", "--out", ".") == 1
        assert "talking broken ended with code 3" in (folder / "speed.json").read_text()
    finally:
        boards.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    figures.save(tmp_path / "docs" / "measured.json", KEPT)
    return tmp_path


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tests.speed", *words])
    return command.main()


def test_an_earlier_measurement_is_compared_and_accepted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Found({"device": RATE.device, "commit": "def"}, figures=[replace(RATE, value=14_000), MEMORY])
    found.save(folder / "speed.json")
    assert called(monkeypatch, "--from", "speed.json") == 1
    assert "gpu-training 1.5B tok_s fell by 50%" in capsys.readouterr().out
    assert figures.load(folder / "docs" / "measured.json") == KEPT
    assert called(monkeypatch, "--from", "speed.json", "--accept") == 0
    assert called(monkeypatch, "--from", "speed.json") == 0
    replace(found, failed=["gpu-training 7B: out of memory"]).save(folder / "speed.json")
    assert called(monkeypatch, "--from", "speed.json") == 1
    assert "7B: out of memory" in capsys.readouterr().out


def test_a_part_is_measured_and_written_with_where_and_by_what(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(monkeypatch, "packing", "--commit", "abc", "--out", "there") == 0
    found = json.loads((folder / "there" / "speed.json").read_text())
    assert (found["facts"]["commit"], len(found["figures"])) == ("abc", 1)
    assert found["facts"]["versions"]["torch"]
    assert found["measures"][0]["ours"] > 0
    assert found["figures"][0]["name"] in figures.load(ROOT / "docs" / "measured.json")["cpu"]["figures"]


def test_a_gpu_part_without_a_gpu_is_refused_and_an_unknown_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit, match="gpu-sampling: there is no GPU"):
        command.wanted(["gpu-sampling"])
    with pytest.raises(SystemExit, match="unknown: sped"):
        command.wanted(["sped"])
    assert not set(gpu.PARTS) & set(command.wanted([]))
