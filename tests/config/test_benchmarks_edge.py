"""The filter's edge to the problems of all benchmarks: followed where they are looked for, and only to the problems."""

from typing import Any

import pytest

from o1exp.config.compose import composed
from o1exp.config.error import ConfigError
from o1exp.config.graph import Graph
from o1exp.flow import Stage

LOOK = "filter.decontaminate=true"


def _filter(*words: str) -> Stage[Any]:
    return Graph(composed(["experiment=none", *words])).stage("filter")


@pytest.mark.parametrize("option", ["none", "paper"])
def test_benchmarks_are_inputs_only_where_they_are_looked_for(option: str) -> None:
    plain, looking = _filter(f"filter={option}"), _filter(f"filter={option}", LOOK)
    assert not [edge for edge in plain.inputs if edge.startswith("benchmarks")]
    assert [edge for edge in looking.inputs if edge.startswith("benchmarks")] == ["benchmarks.arithmetic"]
    assert _filter(f"filter={option}", "filter.decontaminate=false").key == plain.key


@pytest.mark.slow
def test_filter_none_is_its_input_unless_something_is_looked_for() -> None:
    assert _filter().kind == "Arithmetic"
    found = _filter(LOOK)
    assert (found.kind, found.what()["proof"], found.what()["choice"]) == ("Unfiltered", False, "keep")
    assert _filter("filter.duplicates=true").kind == "Unfiltered"


def test_a_file_of_a_benchmark_is_looked_for_and_the_hub_where_there_is_none(tmp_path: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"problem": "What is 1+1?", "answer": "2"}\n')
    chosen = ["bench=[aime24,arithmetic]", LOOK]
    assert {edge: stage.kind for edge, stage in _filter(*chosen).inputs.items()} == {
        "problems": "Arithmetic", "benchmarks.aime24": "Hub", "benchmarks.arithmetic": "Arithmetic",
    }  # fmt: skip
    assert _filter(*chosen, f"bench.aime24.path={tmp_path}/a.jsonl").inputs["benchmarks.aime24"].kind == "Local"


def test_what_is_wrong_with_a_benchmark_is_no_matter_where_it_is_not_looked_for(tmp_path: Any) -> None:
    wrong = ["bench=[aime24]", f"bench.aime24.path={tmp_path}/none.jsonl"]
    assert _filter("filter=paper", *wrong).kind == "Rules"
    with pytest.raises(ConfigError, match=r"none\.jsonl"):
        _filter("filter=paper", LOOK, *wrong)
