"""Difficulty by pass rate: which problems stay, and that another band or another filter asks nothing twice."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.engines.remote import Remote
from o1exp.bench.grade import Grade
from o1exp.bench.sample import Sample
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.curate.pass_rate import PassRate
from o1exp.curate.rules import Rules
from o1exp.flow import SettingsError, Stage, StageFailed, Store
from o1exp.records import Problem, Table
from o1exp.sources.local import Local
from o1exp.thoughts.distil import Distil
from tests.chat.parts import Answers, quiet_store
from tests.thoughts.parts import teacher

QUESTIONS = {"What is 1 + 1?": 0, "What is 2 + 2?": 2, "Find x in the figure below.": 2, "What is 4 + 4?": 4, "What is 5 + 5?": 1}
"""Each with how many of four draws are right."""


class Sometimes(Answers):
    """Gives the right answer, 7, to so many draws of a question."""

    def reply(self, question: str, body: dict[str, Any], times: int) -> Reply:
        drawn = sum(count for asked, count in self.asked.items() if asked.startswith(question))
        right = next(count for text, count in QUESTIONS.items() if text in question)
        return Reply(rf"\boxed{{{7 if drawn <= right else 8}}}", prompt_tokens=5, completion_tokens=7)


def _problems(folder: Path) -> Local:
    path = folder / "problems.json"
    path.write_text(json.dumps([{"id": f"p{n}", "problem": text, "answer": "7"} for n, text in enumerate(QUESTIONS)]))
    return Local(path=str(path))


def _graded(problems: Stage[Table[Problem]], server: Loopback) -> Grade:
    engine = Remote(model="m", base_url=server.base_url)
    drawn = Sample(model=None, problems=problems, engine=engine, samples=4, temperature=0.7, max_tokens=64)
    return Grade(attempts=drawn, problems=problems)


def _facts(store: Store, stage: Stage[Any]) -> dict[str, Any]:
    return store.manifest(stage).facts  # type: ignore[union-attr]


def test_a_band_is_kept_and_another_band_sends_nothing(tmp_path: Path) -> None:
    answers, problems = Sometimes(), _problems(tmp_path)
    store, _ = quiet_store(tmp_path)
    with Loopback(answers) as server:
        graded = _graded(problems, server)
        band = PassRate(problems=problems, graded=graded)
        assert [problem.id for problem in store.get(band)] == ["p1", "p2", "p4"]
        assert _facts(store, band) == _facts(store, band) | {
            "too_hard": 1, "too_easy": 1, "unscored": 0, "rates": {"0.00": 1, "0.25": 1, "0.50": 2, "1.00": 1},
        }  # fmt: skip
        assert answers.asked.total() == 20
        assert [problem.id for problem in store.get(band.replace(lowest=0.3, highest=1))] == ["p1", "p2", "p3"]
        assert answers.asked.total() == 20, "the draws are a stage of their own"


def test_another_filter_sends_only_requests_for_problems_that_are_new(tmp_path: Path) -> None:
    answers, source = Sometimes(), _problems(tmp_path)
    store, _ = quiet_store(tmp_path)
    narrow, wide = Rules(problems=source), Rules(problems=source, image=False)
    with Loopback(answers) as server:
        for filtered in (narrow, wide, narrow):
            store.get(PassRate(problems=filtered, graded=_graded(filtered, server)))
    assert set(answers.asked.values()) == {1}
    assert _by_question(answers) == dict.fromkeys(QUESTIONS, 4)


def test_another_filter_after_a_distillation_asks_the_teacher_only_about_what_is_new(tmp_path: Path) -> None:
    answers, source = Sometimes(), _problems(tmp_path)
    store, _ = quiet_store(tmp_path)
    narrow, wide = Rules(problems=source), Rules(problems=source, image=False, duplicates=True)
    with Loopback(answers) as server:
        ways = [Distil(problems=filtered, teacher=teacher(server.base_url), draws=1) for filtered in (narrow, wide)]
        store.get(ways[0])
        before = _by_question(answers)
        assert len(store.get(ways[1])) == 5
    assert before == {text: 1 for text in QUESTIONS if "figure" not in text}
    assert {text: count - before.get(text, 0) for text, count in _by_question(answers).items() if count > before.get(text, 0)} == {
        "Find x in the figure below.": 1
    }
    assert (_facts(store, ways[1])["requests"], _facts(store, ways[1])["cached"]) == (5, 4)


def _by_question(answers: Answers) -> dict[str, int]:
    found = Counter[str]()
    for asked, count in answers.asked.items():
        found[next(text for text in QUESTIONS if text in asked)] += count
    return dict(found)


def test_an_empty_band_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    problems = _problems(tmp_path)
    with Loopback(Sometimes()) as server:
        graded = _graded(problems, server)
        with pytest.raises(SettingsError, match=r"lowest=0\.5: is above highest=0\.4"):
            PassRate(problems=problems, graded=graded, lowest=0.5, highest=0.4)
        with pytest.raises(StageFailed, match=r"no problem has a pass rate between 0\.3 and 0\.4 .* widen the band"):
            quiet_store(tmp_path)[0].get(PassRate(problems=problems, graded=graded, lowest=0.3, highest=0.4))
