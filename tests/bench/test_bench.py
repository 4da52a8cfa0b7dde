"""A Bench expands to sampling and grading."""

import pytest

from o1exp.bench.bench import Bench
from o1exp.bench.engines.remote import Remote
from o1exp.bench.grade import Grade
from o1exp.bench.sample import Sample
from o1exp.flow import Machine, SettingsError
from tests.bench.tiny import Sums, Tiny


def test_bench_is_grade_of_sample() -> None:
    settings = {
        "samples": 3,
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 64,
        "seed": 5,
        "prompt": "Q {question}",
        "system": "s",
        "stop": ("x",),
    }
    bench = Bench(model=Tiny(), problems=Sums(), machine=Machine(threads=2), batch_size=9, why="because", path="somewhere", **settings)  # type: ignore[arg-type]
    attempts = Sample(model=Tiny(), problems=Sums(), machine=Machine(threads=2), batch_size=9, **settings)  # type: ignore[arg-type]
    stage = bench.stage()
    assert stage.key == Grade(attempts=attempts, problems=Sums()).key
    assert stage.inputs["attempts"].how() == attempts.how()


def test_the_grader_has_the_benchmarks_mode() -> None:
    stage = Bench(model=Tiny(), problems=Sums(), mode="strict").stage()
    assert isinstance(stage, Grade)
    assert stage.mode == "strict"
    assert stage.key != Bench(model=Tiny(), problems=Sums()).stage().key
    with pytest.raises(SettingsError, match="mode=loose: is not one of strict, default"):
        Bench(model=Tiny(), problems=Sums(), mode="loose")  # type: ignore[arg-type]


def test_where_the_problems_come_from_counts_through_the_problems_alone() -> None:
    plain = Bench(model=Tiny(), problems=Sums())
    assert Bench(model=Tiny(), problems=Sums(), path="a", limit=3).stage().key == plain.stage().key
    assert Bench(model=Tiny(), problems=Sums(count=7)).stage().key != plain.stage().key


def test_a_wrong_edge_is_refused_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        Bench(model=Sums(), problems=Sums())  # type: ignore[arg-type]
    assert "model: Sums makes Table[Problem]; connect a step that makes Checkpoint" in str(wrong.value)


def test_a_mistake_is_told_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        Bench(model=Tiny(), problems=Sums(), samples=2)
    assert str(wrong.value).count("greedy decoding") == 1


def test_problems_come_from_the_hub_where_no_path_is_given() -> None:
    file, hub = Sums(), Sums(count=9)
    assert Bench(model=Tiny(), problems=file, hub=hub).stage().inputs["problems"] == hub
    assert Bench(model=Tiny(), problems=file, hub=hub, path="x.jsonl").stage().inputs["problems"] == file


def test_an_endpoint_stands_for_the_model() -> None:
    stage = Bench(model=Tiny(), problems=Sums(), engine=Remote(model="m")).stage()
    assert set(stage.inputs["attempts"].inputs) == {"problems"}
    trained = Bench(model=Tiny(), problems=Sums()).stage()
    assert set(trained.inputs["attempts"].inputs) == {"model", "problems"}
