"""The page's training section: phases in numbers, documents against the cap, what the model wrote while it learned."""

import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from o1exp.history.arms import Arm, gather
from o1exp.records import Example
from o1exp.report.compare import plain_rows
from o1exp.report.ledger import funnels
from o1exp.report.lengths import bars, lengths
from o1exp.report.phases import SHOWN_POINTS, Learning, Phase, WrittenText, learning, learning_text, phases
from o1exp.report.render import PageWords, page
from o1exp.train.facts import PreparedFacts
from tests.artefacts import trained_arm
from tests.finished import Finished

UNSAFE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an arm of SFT and DPO leaves, with every log."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def result(root: Path) -> str:
    return trained_arm(root, UNSAFE)


@pytest.fixture(scope="module")
def alone(root: Path, result: str) -> list[Arm]:
    return gather(root, {"pairs": result})


@pytest.fixture(scope="module")
def section(alone: list[Arm], finished: Finished) -> str:
    """The page from Training up to the next part, of that arm beside one of the quick start."""
    both = [*alone, finished.record.gathered()[1]]
    html = page(PageWords("", "", "", "", ""), plain_rows(both), both, 0)
    return html[html.index(">Training</h2>") : html.index(">From problems to training examples</h2>")]


def test_the_table_has_a_row_per_phase(section: str) -> None:
    table = section[section.index("<table>") : section.index("</table>")]
    rows = [unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))).strip() for row in table.split("<tr>")[2:]]
    first, other = rows[0], rows[1]
    assert re.match(r"Phase 1: SFT sft\S+ pairs 90 8 dropped \(2,900 tokens\) 100,000 100 3.500 → 2.500 0.0 → 50.0 952 600 100", first)
    assert re.match(r"Phase 1: SFT [0-9a-f]{8} shortcut \d+ none [\d,]+ \d+(?: \N{EN DASH}){2} [\d,]+ [\d,]+ \d+", other)
    assert [row[:12] for row in rows] == ["Phase 1: SFT", "Phase 1: SFT", "Phase 2: DPO", "Phase 2: SFT"]


def test_the_figure_tells_sft_from_dpo_and_held_out_from_trained(section: str) -> None:
    figure = section[: section.index("</figure>")]
    words = [unescape(word) for word in re.findall(r"<text[^>]*>([^<]*)</text>", figure)]
    assert [word for word in words if word.startswith("Phase")] == 2 * ["Phase 1: SFT", "Phase 2: DPO", "Phase 2: SFT"]
    assert words.count("loss per pair") == 1
    assert words.count("loss per label token") == 2
    assert words.count("token accuracy in %") == 2
    assert words.count("pairs with a positive margin in %") == 1
    assert words.count("held-out problems") == 1


def test_lengths_stand_against_cap_and_window(section: str, alone: list[Arm]) -> None:
    assert [(one.title, one.cap, one.window, one.overlong) for one in lengths(alone)] == [
        ("Phase 1: SFT", 200, 512, "dropped"), ("Phase 2: DPO", 200, 512, "dropped"),
    ]  # fmt: skip
    for word in ("max_length", "positions of the model", "dropped", "Phase 1: SFT, pairs"):
        assert f">{word}</text>" in section


def test_what_a_cap_costs_is_taken_from_the_longest_bins() -> None:
    facts = PreparedFacts(max_length=200, dropped=8, length_histogram={"64": 50, "128": 30, "1024": 1, "256": 14, "512": 5})
    assert [(bar.low, bar.high, bar.count, bar.lost) for bar in bars(facts)] == [
        (32, 64, 50, 0), (64, 128, 30, 0), (128, 256, 14, 2), (256, 512, 5, 5), (512, 1024, 1, 1),
    ]  # fmt: skip
    assert sum(bar.lost for bar in bars(replace(facts, dropped=0))) == 0


def test_samples_stand_side_by_side_with_the_answer_of_the_data(section: str) -> None:
    learned = section[section.index("Phase 1: SFT, pairs</summary>") : section.index("Phase 2: DPO, pairs</summary>")]
    assert learned.count('<div class="sample learning">') == 2
    heads = re.findall(r'<span class="note">(.*?)</span>', learned)
    assert heads[:4] == ["before training", "step 50, 50,000 tokens", "step 100, 100,000 tokens", "in the data"]
    assert re.search(r"row 0</span>\nWhat is \d+ \+ \d+\?", learned)
    assert re.search(r'<div class="answer given">.*?boxed\{\d+\}', learned, re.DOTALL)


def test_texts_of_the_model_cannot_act(section: str, alone: list[Arm]) -> None:
    assert UNSAFE not in section
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 2 at 50" in section
    text = learning_text(alone[0].trainings[0])
    assert all(line.startswith("    ") for line in text.splitlines() if UNSAFE in line)


def test_a_row_is_one_of_the_data_and_its_role_says_of_what(alone: list[Arm]) -> None:
    """Row 1 of DPO's data is the second pair, row 2 of SFT's the third example."""
    sft, dpo = phases(alone)
    second = dpo.learning[0]
    assert second.row == 1
    assert (second.prompt, second.answer) != ("", "")
    assert second.prompt != sft.learning[1].prompt
    data = [row.problem for row in _examples(alone)]
    assert data.index(_problem(alone, second.prompt)) == 1
    assert data.index(_problem(alone, sft.learning[1].prompt)) == 2


def test_rows_of_pairs_without_a_role_show_nothing_beside_them(root: Path, result: str, tmp_path: Path) -> None:
    """Logs of before counted a pair as two rows."""
    shutil.copytree(root / "artefacts", tmp_path / "artefacts")
    training = gather(tmp_path, {"pairs": result})[0].trainings[1]
    place = training.artefact.folder / "samples.jsonl"
    place.write_text(place.read_text().replace('"row": 1, "role": "chosen"', '"row": 2'))
    assert [(one.row, one.prompt, one.answer, len(one.texts)) for one in learning(training)] == [(2, "", "", 3)]


def _examples(arms: list[Arm]) -> list[Example]:
    return list(arms[0].trainings[0].tables[-1].rows(Example))


def _problem(arms: list[Arm], prompt: str) -> str:
    return next(row.problem for row in _examples(arms) if row.prompt == prompt)


def test_a_page_shows_the_first_and_the_last_point_of_many(alone: list[Arm]) -> None:
    many = [WrittenText(step, 10 * step, "x" * 9000) for step in range(40)]
    shown = Phase(alone[0].trainings[0], ("a",), [Learning(row, "p", "a", many) for row in range(9)]).shown
    assert len(shown) < 9
    assert len(shown[0].texts) == SHOWN_POINTS
    assert (shown[0].texts[0].step, shown[0].texts[-1].step) == (0, 39)
    assert len(shown[0].texts[0].text) < 3100


def test_samples_outlive_their_data(root: Path, result: str, tmp_path: Path) -> None:
    shutil.copytree(root / "artefacts", tmp_path / "artefacts")
    for stage in ("Distil", "Pairs", "Prepare"):
        shutil.rmtree(tmp_path / "artefacts" / stage)
    arms = gather(tmp_path, {"pairs": result})
    first = phases(arms)[0].learning[0]
    assert (first.prompt, first.answer, len(first.texts)) == ("", "", 3)
    assert lengths(arms) == []
    assert "What is" not in learning_text(arms[0].trainings[0])


def test_the_funnel_names_what_was_held_out(root: Path, result: str) -> None:
    (arm,) = gather(root, {"pairs": result})
    arm.trainings[0].artefact.manifest.facts["held_out"] = 26
    assert "26 held out for validation" in funnels([arm])[0].steps[-1].remark
    assert "held out" not in funnels([arm])[1].steps[-1].remark


def test_a_phase_says_among_how_many_checkpoints_it_was_chosen(root: Path, result: str) -> None:
    (arm,) = gather(root, {"pairs": result})
    arm.trainings[0].artefact.manifest.settings["keep"] = "best"
    points = len(arm.trainings[0].logs.validation)
    assert points > 1
    assert [one.looked_at for one in phases([arm])] == [f"best of {points} by held-out loss", "the last"]
