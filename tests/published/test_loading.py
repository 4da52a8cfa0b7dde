"""Published outputs as people keep them, each read as `loading/cases.jsonl` says."""

import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.__main__ import main

REGRADED: list[tuple[str, str, str, tuple[str, ...]]] = [
    # case, outputs, options, lines that are printed
    ("R01", "r1.jsonl", "--outputs-field response --gold-field gt", (
        "right 2 / 7", "accuracy 41.7 %", "note: problems have different numbers",
    )),
    ("R02", "r2.jsonl", "--outputs-field response --gold-field gt", ("right 4 / 10", "maj@k 1: 40.0 %, 2: ", "no answer 3 / 10")),
    ("R03", "r3.jsonl", "--outputs-field response --gold-field solution", ("right 5 / 5",)),
    ("R04", "r4.jsonl", "--outputs-field response --gold-field gt --finish-field finish", (
        "right 3 / 7", "truncated 4 / 7, timed out 0", "note: 1 answers do not say",
    )),
    ("R05", "r5.jsonl", "--outputs-field content --thinking-field reasoning_content --gold-field gt", ("right 2 / 3", "no answer 1 / 3")),
    ("R06", "r6.jsonl", "--outputs-field response --gold-field gt --verdict-field v", (
        "right 6 / 7", "peer's verdicts: right 4 / 6", "disagreements 1:", "  row 4, sample 1: we say right, the peer wrong",
    )),
    ("R07", "r7.jsonl", "--outputs-field resps --gold-field doc.answer --verdict-field exact_match", (
        "right 2 / 2", "peer's verdicts: right 1 / 2", "disagreements 1:",
    )),
    ("R08", "r8.jsonl", "--outputs-field response --gold-field gt", ("right 6 / 6", "unscored 2")),
    ("R11", "r11_out.jsonl", "--outputs-field response --gold-field answer --gold r11_gold.jsonl", ("right 4 / 4",)),
    ("", "r12_out.jsonl", "--outputs-field response --gold-field answer --gold r12_gold.jsonl", ("right 2 / 2",)),
    ("", "r10_out.jsonl", "--outputs-field response --gold-field answer --gold r10_gold.jsonl", (
        "right 2 / 2", "note: left out: 1 of 3 output rows have no gold answer",
    )),
    ("", "r14.jsonl", "--outputs-field response --gold-field gt", ("right 2 / 2",)),
]  # fmt: skip
JUDGED: list[tuple[str, str, str, tuple[str, ...]]] = [
    # the published rules: a letter within a word counts for SimpleQA, the last rating for Auto-J; what they read by accident is marked
    ("J01", "sq.jsonl", "simpleqa", ("look at 5 replies", "  row 5: ", "  row 6: ", "  row 7: ", "  row 8: ")),
    ("J02", "aj.jsonl", "auto_j", ("rating 8 1 / 13", "rating 7 1 / 13")),
    ("J03", "sj.jsonl", "safety_j", ("  row 9: ",)),
]


def run(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    code = main([*map(str, words)])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out.splitlines()


def regrade_words(folder: Path, name: str, options: str) -> list[object]:
    return ["regrade", "--outputs", folder / name, *((folder / word if word.endswith(".jsonl") else word) for word in options.split())]


@pytest.mark.parametrize("case", REGRADED, ids=[case[1] for case in REGRADED])
def test_outputs_are_read_as_they_are_meant(shared_data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, case: Any) -> None:
    _, name, options, lines = case
    said = run(capsys, *regrade_words(shared_data / "loading", name, options), "--out", tmp_path / "out.jsonl")
    for line in lines:
        assert any(one.startswith(line) for one in said), (line, said)
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_a_choice_of_a_server_is_no_answer(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*map(str, regrade_words(shared_data / "loading", "r9.jsonl", "--gold-field gt --outputs-field"))]
    assert main([*words, "choices"]) == 2
    assert "row 1: choices holds an object with the fields message, finish_reason; name the field" in capsys.readouterr().err
    said = run(capsys, *words, "choices.0.message.content", "--finish-field", "choices.0.finish_reason")
    assert said[0] == "right 1 / 1"


@pytest.mark.parametrize("case", JUDGED, ids=[case[1] for case in JUDGED])
def test_replies_are_read_by_the_published_rule(shared_data: Path, capsys: pytest.CaptureFixture[str], case: Any) -> None:
    _, name, judge, lines = case
    said = run(capsys, "judged", "--verdicts", shared_data / "loading" / name, "--field", "r", "--judge", judge)
    for line in lines:
        assert any(one.startswith(line) for one in said), (line, said)


def test_every_case_of_outputs_has_its_test(shared_data: Path) -> None:
    cases = [json.loads(line)["id"] for line in (shared_data / "loading" / "cases.jsonl").read_text().splitlines()]
    assert {case for case in cases if case[0] in "RJ"} == {case[0] for case in (*REGRADED, *JUDGED) if case[0]} | {"R09"}
