"""The plan and the reasons, as a reader of a narrow window or of a file sees them."""

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
