"""The gate: pass, fail, undecided and how many questions would decide, by interval and not by value."""

import json
from pathlib import Path

import pytest

from o1exp.bench.statistics import wilson
from o1exp.report.__main__ import main
from tests.planted import BENCHMARK, PlantedRun


def gate(planted: PlantedRun, folder: Path, text: str, *more: str) -> int:
    file = folder / "thresholds.yaml"
    file.write_text(text)
    return main(["gate", str(planted.record.folder), "--thresholds", str(file), *more])


@pytest.mark.parametrize(
    ("thresholds", "code", "verdict"),
    [
        ("{floor: 50}", 0, "PASS"), ("{floor: 99.5}", 1, "FAIL"), ("{floor: 94}", 3, "UNDECIDED"), ("{loss: 1}", 0, "PASS"),
        ("{floor: 50, loss: 1}", 0, "PASS"), ("{floor: 99.5, loss: 1}", 1, "FAIL"),
    ],
)  # fmt: skip
def test_exit_codes(
    planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], thresholds: str, code: int, verdict: str
) -> None:
    assert gate(planted, tmp_path, f"benchmarks: {{{BENCHMARK}: {thresholds}}}") == code
    assert f"{verdict}: long on {BENCHMARK}, at " in capsys.readouterr().out


def test_the_number_named_decides_and_one_less_does_not(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(planted, tmp_path, f"benchmarks: {{{BENCHMARK}: {{floor: 94}}}}", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    (one,) = told["findings"]
    assert told["verdict"] == "undecided"
    rate, n = one["value"] / 100, one["decides"]
    found = wilson(round(rate * n), n)
    assert n > one["questions"] == 60
    assert found.low >= 0.94 or found.high < 0.94


def test_a_loss_is_held_against_the_whole_interval(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shortcut against the long thoughts: far below, whatever its interval."""
    words = f"baseline: long\narm: shortcut\nbenchmarks: {{{BENCHMARK}: {{loss: 5}}}}"
    assert gate(planted, tmp_path, words) == 1
    assert "FAIL: shortcut on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("benchmarks: {absent: {floor: 1}}", "no result on 'absent'"), ("benchmarks: {x: {floor: 0.8}}", "write 80"),
        ("benchmarks: {x: {ceiling: 1}}", "is no threshold"), ("benchmarks: {x: {loss: -1}}", "from 0 to 100"),
        ("[]", "names no benchmarks"),
        ("a: b: c", "cannot be read as YAML"), ("[" * 5000, "cannot be read as YAML"),
        (f"benchmarks: {{{BENCHMARK}: {{floor: 90}}, {BENCHMARK}: {{floor: 1}}}}", f"{BENCHMARK} stands there twice"),
        (f"benchmarks: {{{BENCHMARK}: {{floor: 90, floor: 1}}}}", "floor stands there twice"),
        ("benchmark: {}\nbenchmarks: {x: {floor: 2}}", "benchmark is not known"),
        (f"arm: absent\nbenchmarks: {{{BENCHMARK}: {{floor: 2}}}}", "no arm 'absent' to judge; there are long, shortcut"),
        (f"baseline: [a]\nbenchmarks: {{{BENCHMARK}: {{floor: 2}}}}", "baseline: ['a'] is no name"),
    ],
)  # fmt: skip
def test_mistakes_are_told_apart_from_failures(
    planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    assert gate(planted, tmp_path, text) == 2
    assert why in capsys.readouterr().err
