import json
from pathlib import Path

import pytest

from o1exp.answers.__main__ import main
from o1exp.answers.compare import classes, majority
from o1exp.answers.grade import GoldPair, grade, grade_all

ROWS = [
    GoldPair("5", "the answer is 5"), GoldPair("5", "the answer is 6"), GoldPair("", "the answer is 5"), GoldPair("5", "I do not know."),
    GoldPair("5", r"so \boxed{5"),
    GoldPair(r"\frac12", "0.5", "answer"), GoldPair("5", "the answer is 5", truncated=True), GoldPair("5", "the answer is  5."),
]  # fmt: skip


def test_a_batch_gives_the_verdicts_in_order_with_a_reason() -> None:
    verdicts = grade_all(ROWS)
    assert [verdict.correct for verdict in verdicts] == [True, False, None, False, False, True, False, True]
    assert [verdict.status for verdict in verdicts] == [
        "equal", "different", "gold_unreadable", "no_answer", "truncated", "equal", "truncated", "equal",
    ]  # fmt: skip


def test_verdicts_depend_neither_on_processes_nor_on_order() -> None:
    odd = [GoldPair("7", "2^" * 400 + "2", "answer"), GoldPair("x_{\ud800}", "\ud800"), GoldPair("\u221a" * 480, "\u221a" * 480, "answer")]
    rows = [*ROWS, *odd] * 3
    alone = grade_all(rows, processes=1)
    assert grade_all(rows, processes=2) == alone
    assert grade_all(rows[::-1], processes=1) == alone[::-1]
    assert alone[: len(ROWS)] == [
        grade(row.gold, row.text, row.truncated) if row.form == "response" else alone[place] for place, row in enumerate(ROWS)
    ]


def test_progress_counts_every_pair() -> None:
    done: list[int] = []
    grade_all(ROWS, progress=done.append)
    assert sum(done) == len(ROWS)


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="strict or default"):
        grade_all(ROWS, mode="loose")


def test_classes_of_equal_answers() -> None:
    assert classes(["1/2", "0.5", "", r"\frac{2}{4}", "3", "x=3"]) == [0, 0, -1, 0, 1, 1]
    assert classes([r"\sqrt{8}", r"2\sqrt{2}", "(1,2)", "(1, 2)", "A", "(A)", "(2,1)"]) == [0, 0, 1, 1, 2, 2, 3]


def test_classes_do_not_depend_on_the_order_of_the_answers() -> None:
    answers = ["45%", "0.45", "45", r"\sqrt{8}", "3, 1", "1, 3", r"2\sqrt2", "7", "{1,3}"]
    forward, backward = classes(answers), classes(answers[::-1])[::-1]
    together = [[forward[a] == forward[b] for b in range(len(answers))] for a in range(len(answers))]
    assert together == [[backward[a] == backward[b] for b in range(len(answers))] for a in range(len(answers))]


def test_majority_counts_other_forms_of_one_surd_together() -> None:
    assert majority([r"\sqrt{8}", r"2\sqrt{2}", "3", "3", r"2\sqrt{2}"]) == [r"2\sqrt{2}"]


def test_the_command_line_keeps_the_order_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": "a", "gold": "7/12", "prediction": r"\frac{7}{12}", "form": "answer"},
        {"id": "b", "gold": 27.0, "prediction": "so it is 28", "form": "response"},
        {"id": "c", "gold": None, "prediction": "x", "form": "answer"},
        {"id": "d", "gold": "45%", "prediction": "45", "form": "answer"},
    ]
    given, out = tmp_path / "in.jsonl", tmp_path / "new" / "out.jsonl"
    given.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["grade", "--pairs", str(given), "--out", str(out), "--mode", "strict"]) == 0
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["verdict"], row["status"], row["extracted"]) for row in found] == [
        ("a", True, "equal", r"\frac{7}{12}"), ("b", False, "different", "28"), ("c", None, "gold_unreadable", "x"),
        ("d", False, "different", "45"),
    ]  # fmt: skip
    assert "4 pairs graded (strict)" in capsys.readouterr().out


def test_the_command_line_names_the_bad_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "in.jsonl"
    given.write_text('{"gold": "1", "prediction": "1"}\n{"gold": "1"}\n', encoding="utf-8")
    assert main(["grade", "--pairs", str(given), "--out", str(tmp_path / "out.jsonl")]) == 2
    assert "line 2" in capsys.readouterr().err


def test_one_odd_line_does_not_end_the_batch(tmp_path: Path) -> None:
    given, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    nines = "9" * 5000
    odd = [
        r'{"id": "half", "gold": "x_{\ud800}", "prediction": "\ud800"}',
        f'{{"id": "long", "gold": {nines}, "prediction": {nines}}}',
        f'{{"id": "deep", "gold": "7", "prediction": "{"2^" * 400}2"}}',
        '{"id": "infinite", "gold": 1e999, "prediction": NaN}',
        '{"id": "lists", "gold": [1, [2, [3]]], "prediction": "1, 2, 3"}',
    ]
    given.write_text("\n".join(odd), encoding="utf-8")
    assert main(["grade", "--pairs", str(given), "--out", str(out)]) == 0
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["verdict"]) for row in found] == [
        ("half", False), ("long", True), ("deep", False), ("infinite", False), ("lists", True),
    ]  # fmt: skip
    assert found[0]["extracted"] == "\ud800"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        (b'{"gold": "\xff", "prediction": "1"}', "save the file as UTF-8"),
        (b'{"gold": ' + b"[" * 100_000 + b"]" * 100_000 + b', "prediction": "1"}', "as text"),
        (b'{"gold": ' + b"[" * 700 + b"]" * 700 + b', "prediction": "1"}', "as text"),
    ],
)
def test_a_line_that_is_no_pair_is_named_with_its_remedy(
    line: bytes, remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "in.jsonl"
    given.write_bytes(b'{"gold": "1", "prediction": "1"}\n' + line + b"\n")
    assert main(["grade", "--pairs", str(given), "--out", str(tmp_path / "out.jsonl")]) == 2
    said = capsys.readouterr().err
    assert "line 2" in said
    assert remedy in said


def test_the_command_line_names_the_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    assert main(["grade", "--pairs", str(given), "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {given}: No such file or directory; give --pairs")
    given.write_text('{"gold": "1", "prediction": "1"}\n')
    assert main(["grade", "--pairs", str(given), "--out", str(tmp_path / "new" / "out.jsonl")]) == 0
    assert capsys.readouterr().err == f"made the folder {tmp_path / 'new'}\n"
    assert main(["grade", "--pairs", str(given), "--out", str(given / "new" / "out.jsonl")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {given / 'new'}: Not a directory")
    assert main(["grade", "--pairs", str(given), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: Is a directory")
    before = given.read_text()
    assert main(["grade", "--pairs", str(given), "--out", str(given)]) == 2
    assert given.read_text() == before
