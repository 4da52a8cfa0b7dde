"""Checklists: every mistake with its line, and the same answers after writing and reading."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from o1exp.tti.__main__ import main
from o1exp.tti.checklist import ANSWERS, NO, NOT_USED, Checklist, ChecklistError, ItemAnswer, empty, read, written
from o1exp.tti.index import ITEMS, TOTAL
from o1exp.tti.score import summary

BY_HAND = Path(__file__).parent / "quickstart.yaml"


def mistakes(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ChecklistError) as wrong:
        read(path)
    return [line.removeprefix(f"{path}:") for line in wrong.value.mistakes]


def changed(old: str, new: str) -> str:
    text = BY_HAND.read_text()
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  paper: no\n", "", "3: no answer for paper;"),
        ("  paper: no\n", "  papers: no\n", "28: papers is not known in `answers`; did you mean paper?"),
        ("  paper: no\n", "  paper: perhaps\n", "28: paper: 'perhaps' is no answer; write yes, no or not used"),
        ("  paper: no\n", "  paper: yes\n", "28: paper: yes needs evidence; give a link or a path"),
        ("  paper: no\n", "  paper: {answer: yes, evidence: ''}\n", "28: paper: yes needs evidence"),
        ("  paper: no\n", "  paper: {answer: yes, evidence: [], note: x}\n", "28: paper: yes needs evidence"),
        ("  paper: no\n", "  paper: {answer: not used, evidence: x}\n", "28: paper: only a technique can be not used"),
        ("  paper: no\n", "  paper: {evidence: x}\n", "28: paper has no `answer`"),
        ("  paper: no\n", "  paper: {answer: no, proof: x}\n", "28: proof is not known in paper; "),
        ("  paper: no\n", "  paper: no\n  paper: no\n", "29: paper stands here a second time (first in line 28)"),
        ("  paper: no\n", "  paper: [no]\n", "28: paper must be a mapping"),
        ("rl: {answer: not used, evidence: runs/quickstart/model_card.md}", "rl: not used", "10: rl: not used needs evidence"),
        ("answers:\n", "marks:\n", "3: marks is not known in a checklist; "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = mistakes(tmp_path / "c.yaml", changed(old, new))
    assert any(line.startswith(said) for line in found), found


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = changed("  paper: no\n", "  paper: maybe\n").replace("  sources: {answer: yes", "  sorces: {answer: yes")
    assert len(mistakes(tmp_path / "c.yaml", text)) == 3, "an unknown item, a missing one and a wrong answer"


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "answers: 3\n", "name: x\n"])
def test_what_is_no_checklist_is_refused(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path / "c.yaml", text)


def test_points_of_the_one_filled_in_by_hand() -> None:
    found = read(BY_HAND)
    assert found.standing.points == {"data": 14, "methodology": 33, "evaluation": 24, "open_source": 0}
    assert found.answers["rl"].answer == NOT_USED
    assert found.answers["synthesis"].evidence == ("o1exp/thoughts/distil.py", "runs/quickstart/data_card.md")


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)
links = words.filter(lambda text: "://" not in text and text.lower() not in ("null", "~"))


@given(st.lists(st.tuples(st.sampled_from(ANSWERS), links, words), min_size=25, max_size=25), words)
@settings(max_examples=60)
def test_what_was_written_reads_the_same(tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, str]], name: str) -> None:
    answers = {}
    for item, (word, link, note) in zip(ITEMS, said, strict=True):
        word = NO if word == NOT_USED and not item.technique else word
        answers[item.id] = ItemAnswer(item=item, answer=word, evidence=(link,), note=note)
    path = tmp_path_factory.mktemp("c") / "c.yaml"
    path.write_text(written(Checklist(name, answers)), encoding="utf-8")
    assert read(path) == Checklist(name, answers)


def test_score_prints_files_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.yaml"
    assert main(["score", "--template", str(other)]) == 0
    assert main(["score", "--template", str(other)]) == 2, "an existing file is kept"
    capsys.readouterr()
    assert main(["score", str(BY_HAND), str(other)]) == 0
    said = capsys.readouterr().out
    assert "quick start, by hand" in said.splitlines()[0]
    assert [line.split()[1:] for line in said.splitlines() if line.startswith("Total")] == [["100", "71", "0"]]
    assert "quick start, by hand: 71 of 100 points; missing:" in said
    assert "  5 public_weights: Can the trained weights be downloaded?" in said


def test_score_of_a_wrong_file_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: x\nanswers:\n  rl: yes\n")
    assert main(["score", str(BY_HAND), str(bad), str(tmp_path / "absent.yaml")]) == 2
    said = capsys.readouterr().err
    assert f"{bad}:3: rl: yes needs evidence" in said
    assert "absent.yaml: cannot be read" in said
    assert main(["score"]) == 2


def test_a_full_checklist_lacks_nothing() -> None:
    full = Checklist("full", {i: ItemAnswer(item=a.item, answer="yes", evidence=("x",)) for i, a in empty("").answers.items()})
    assert full.standing.total == TOTAL
    terminal = Console(width=150, file=io.StringIO())
    terminal.print(summary([full]))
    assert "nothing is missing" in terminal.file.getvalue()  # type: ignore[attr-defined]


def test_a_file_nested_too_deep_is_no_checklist(tmp_path: Path) -> None:
    (said,) = mistakes(tmp_path / "x.yaml", "[" * 5000)
    assert "no YAML" in said
