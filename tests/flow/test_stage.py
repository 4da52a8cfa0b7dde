from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o1exp.flow import Checkpoint, Machine, Settings, SettingsError, Stage, Store, Work, added
from o1exp.flow.nearest import why
from o1exp.records import Problem, Table
from tests.flow.stages import Head, Merge, Model, Numbers


def test_equal_values_have_equal_keys_whatever_their_type() -> None:
    assert Numbers(rate=1).key == Numbers(rate=1.0).key
    assert Numbers(rate=1).key != Numbers(rate=2).key


def test_execution_fields_stay_out_of_the_key() -> None:
    assert Numbers(machine=Machine(devices=2, threads=8)).key == Numbers().key


def test_a_default_is_part_of_the_key() -> None:
    assert Numbers(count=3).key == Numbers().key
    assert "count" in Numbers().what()


def test_the_version_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Head(problems=Numbers()).key
    monkeypatch.setattr(Numbers, "version", 2)
    assert Head(problems=Numbers()).key != before


@given(st.integers(1, 50), st.integers(1, 50))
def test_a_key_changes_exactly_with_what_it_is_made_of(left: int, right: int) -> None:
    assert (Head(problems=Numbers(count=left)).key == Head(problems=Numbers(count=right)).key) == (left == right)


def test_the_order_of_several_inputs_counts() -> None:
    one, two = Numbers(count=1), Numbers(count=2)
    assert Merge(parts={"a": one, "b": two}).key != Merge(parts={"a": two, "b": one}).key
    assert Merge(parts={"a": one, "b": two}).inputs == {"parts.a": one, "parts.b": two}


@dataclass(frozen=True, kw_only=True)
class Weighted(Settings):
    """Settings that stand on a stage."""

    weights: Stage[Checkpoint]

    def what(self) -> dict[str, Any]:
        return {"weights": self.weights.key}


@dataclass(frozen=True, kw_only=True)
class Asking(Stage[Table[Problem]]):
    problems: Stage[Table[Problem]]
    who: Weighted

    def make(self, work: Work) -> None:
        (work.shared("asked")).write_text(work.open(self.who.weights).source)
        work.write(Problem, work.open(self.problems))


def test_an_edge_of_nested_settings_is_an_input(tmp_path: Path) -> None:
    one, other = Model(size=1), Model(size=2)
    asking = Asking(problems=Numbers(), who=Weighted(weights=one))
    assert asking.inputs == {"problems": Numbers(), "who.weights": one}
    assert asking.key != asking.replace(who=Weighted(weights=other)).key
    store = Store(tmp_path)
    store.make([asking])
    assert (tmp_path / "asked").read_text() == str(store.folder(one) / "model")


def test_a_wrong_edge_is_refused_with_both_types() -> None:
    with pytest.raises(SettingsError, match=r"problems: Model makes Checkpoint; connect a step that makes Table\[Problem\]"):
        Head(problems=Model())  # type: ignore[arg-type]


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        Numbers(count=0, rate="fast", flavour="sour")  # type: ignore[arg-type]
    assert wrong.value.lines("n.") == [
        "n.count=0: must be at least 1",
        "n.rate=fast: must be of type float, not str",
        "n.flavour=sour: is not one of plain, odd",
    ]


def test_true_is_no_number() -> None:
    """It would be another key than 1."""
    with pytest.raises(SettingsError, match="count=True: must be of type int, not bool"):
        Numbers(count=True)


def test_an_error_never_repeats_what_looks_like_an_api_key() -> None:
    with pytest.raises(SettingsError) as wrong:
        Numbers(flavour="sk-secret")  # type: ignore[arg-type]
    assert "sk-secret" not in str(wrong.value)


@dataclass(frozen=True, kw_only=True)
class Inner(Settings):
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class YoungInner(Settings):
    size: int = 1
    shape: str = added("round")


@dataclass(frozen=True, kw_only=True)
class Old(Stage[Table[Problem]]):
    inner: Inner = Inner()
    count: int = 3

    def make(self, work: Work) -> None:
        work.write(Problem, [])


@dataclass(frozen=True, kw_only=True)
class Young(Stage[Table[Problem]]):
    """The same some releases later: two settings more, and one in the settings within."""

    inner: YoungInner = YoungInner()
    count: int = 3
    rate: float = added(0)
    limit: int | None = added(5, first=None)

    def make(self, work: Work) -> None:
        work.write(Problem, [])


Young.__name__, YoungInner.__name__ = "Old", "Inner"  # both are one class of two releases


def test_a_setting_that_is_added_leaves_the_keys_of_those_who_do_not_set_it() -> None:
    assert Young(limit=None).key == Young(limit=None, rate=0.0).key == Old().key
    keys = {Young(limit=None, rate=0.5).key, Young().key, Young(limit=None, inner=YoungInner(shape="square")).key, Old().key}
    assert len(keys) == 4


def test_an_old_artefact_is_reused_and_a_new_one_says_all_settings(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(Old(count=4))
    assert store.missing([Young(count=4, limit=None)]) == []
    store.get(Young(limit=None, rate=1))
    manifest = store.manifest(Young(limit=None, rate=1))
    assert manifest is not None
    assert manifest.settings == {"inner": {"type": "Inner", "size": 1}, "count": 3, "rate": 1.0}
    assert manifest.added == {"inner": {"shape": "round"}, "limit": None}


def test_why_takes_what_was_not_there_for_what_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(Old(count=4))
    near = f"nearest {Old(count=4).key[:8]}: "
    assert why(store, Young(limit=None)) == near + "count: 4 -> 3"
    store.get(Young(limit=None))
    assert why(store, Young(limit=None, rate=2)) == f"nearest {Old().key[:8]}: rate: 0.0 -> 2.0"
