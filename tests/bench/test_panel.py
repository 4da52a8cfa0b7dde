"""Panels, people's scores, and how far raters agree."""

import json
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from o1exp.bench.agreement import agreement
from o1exp.bench.panel import NO_MAJORITY, Panel
from o1exp.bench.protocols import AutoJ, SafetyJ, SimpleQa
from o1exp.bench.rated import UNRATED, Human
from o1exp.bench.scorer import Scorer
from o1exp.chat.servers.loopback import Loopback
from o1exp.flow import SettingsError, StageFailed
from tests.bench.suite import Saying, judge, lines, scored
from tests.chat.parts import quiet_store
from tests.thoughts.parts import facts

ROWS, TEXTS = ("a?|1", "b?|2", "c?|3"), ("one", "two", "three")


def test_the_majority_of_a_panel_decides_and_a_tie_decides_nothing(tmp_path: Path) -> None:
    grades = {"m": "ABA", "n": "AAB", "o": "CBC"}

    def say(model: str) -> Saying:
        return Saying(lambda text: grades[model]["abc".index(text.split("Question: ")[1][0])])

    store, _ = quiet_store(tmp_path)
    with Loopback(say("m")) as one, Loopback(say("n")) as two, Loopback(say("o")) as three:
        judges = {name: SimpleQa(teacher=judge(s.base_url, name)) for name, s in (("m", one), ("n", two), ("o", three))}
        stage = scored(Panel(members=judges), ROWS, TEXTS)  # type: ignore[arg-type]
        rows = list(store.get(stage))
    assert [(row.label, row.value) for row in rows] == [("correct", 1.0), ("incorrect", 0.0), (NO_MAJORITY, None)]
    assert rows[0].scorer == "panel: simpleqa, m; simpleqa, n; simpleqa, o"
    noted = facts(store, stage)
    assert (noted["unscored"], noted["agreement"]["raters"], noted["agreement"]["units"]) == (1, 3, 3)
    assert list(noted["agreement"]["kappas"]) == ["m / n", "m / o", "n / o"]


def test_ratings_are_averaged_and_scales_must_be_one(tmp_path: Path) -> None:
    store, _ = quiet_store(tmp_path)
    with Loopback(Saying(lambda text: "Rating: [[4]]")) as one, Loopback(Saying(lambda text: "Rating: [[9]]")) as two:
        both = {name: AutoJ(teacher=judge(server.base_url, name)) for name, server in (("m", one), ("n", two))}
        rows = list(store.get(scored(Panel(members=both, combine="mean"), ROWS, TEXTS)))  # type: ignore[arg-type]
        assert {row.value for row in rows} == {6.5}
        mixed: dict[str, Scorer] = {"one": both["m"], "other": SafetyJ(teacher=judge(two.base_url, "n"))}
        with pytest.raises(StageFailed, match="scales differ"):
            store.get(scored(Panel(members=mixed), ROWS, TEXTS))
    with pytest.raises(SettingsError, match="two judges or more"):
        Panel(members={"one": both["m"]})
    with pytest.raises(SettingsError, match="numbers of people, which have no classes to count; set combine=mean"):
        Panel(members={"ann": Human(), "one": both["m"]})


def test_people_s_scores_belong_to_the_text_they_name(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl"
    given = [("one", "ann", 80), ("one", "bob", 60), ("two", "ann", 0), ("another model's", "ann", 5), ("two", "bob", 10)]
    file.write_text(lines([{"response": text, "rater": rater, "score": score} for text, rater, score in given]))
    store, _ = quiet_store(tmp_path / "o")
    stage = scored(Human(path=str(file), raters=2), ROWS, TEXTS)
    rows = list(store.get(stage))
    assert [(row.label, row.value, row.credit) for row in rows] == [("", 70.0, 0.7), ("", 5.0, 0.05), (UNRATED, None, None)]
    noted = facts(store, stage)
    assert (noted["raters"], noted["ratings"], noted["foreign"], noted["unscored"]) == (2, 4, 1, 1)
    expected = krippendorff.alpha(reliability_data=[[80, 0], [60, 10]], level_of_measurement="interval")
    assert noted["agreement"]["alpha"]["value"] == pytest.approx(expected, abs=1e-4)
    file.rename(tmp_path / "moved.jsonl")
    assert scored(Human(path=str(tmp_path / "moved.jsonl"), raters=2), ROWS, TEXTS).key == stage.key


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"rater": "a", "score": 1}, "has no response"),
        ({"response": "x", "score": 1}, "has no rater"),
        ({"response": "x", "rater": "a", "score": "good"}, "'good' is no number"),
        ({"response": "x", "rater": "a", "score": 101}, "101 is not on the scale from 0 to 100"),
    ],
)
def test_a_rating_that_says_too_little_is_refused(tmp_path: Path, row: dict[str, object], message: str) -> None:
    (tmp_path / "r.jsonl").write_text(json.dumps(row) + "\n")
    store, _ = quiet_store(tmp_path / "o")
    with pytest.raises(StageFailed, match=message):
        store.get(scored(Human(path=str(tmp_path / "r.jsonl")), ROWS, TEXTS))


def test_agreement_is_the_libraries_own() -> None:
    ann = {f"t{n}": word for n, word in enumerate("aabbabab")}
    bob = {f"t{n}": word for n, word in enumerate("aabbabba")}
    found = agreement({"ann": ann, "bob": bob}, "nominal")
    assert found.kappas["ann / bob"].value == pytest.approx(cohen_kappa_score(list(ann.values()), list(bob.values())), abs=1e-4)
    coded = np.array([[ord(word) for word in own.values()] for own in (ann, bob)], dtype=float)
    assert found.alpha.value == pytest.approx(krippendorff.alpha(reliability_data=coded, level_of_measurement="nominal"), abs=1e-4)
    assert found.alpha.low is not None
    assert found.alpha.high is not None
    assert found.alpha.low < 0.5 < found.alpha.high


def test_agreement_where_nobody_differs_is_not_defined() -> None:
    same = {"t0": "a", "t1": "a"}
    found = agreement({"ann": same, "bob": same}, "nominal")
    assert (found.alpha.value, found.kappas["ann / bob"].value, found.units) == (None, None, 2)
    with pytest.raises(ValueError, match="two raters"):
        agreement({"ann": same}, "nominal")
