"""Every benchmark option on the real file of its problems."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from o1exp.config.compose import CONF, composed, study_of
from o1exp.config.options import Origin
from o1exp.config.spine import conf_dir
from o1exp.flow import Store
from o1exp.records import Problem

FILES = {
    "aime24": ("aime2024/AIME24.jsonl", 30),
    "amc23": ("amc23/test.jsonl", 40),
    "cmath": ("cmath/cmath.jsonl", 600),
    "gsm8k": ("gsm8k/test.jsonl", 1319),
    "math500": ("math500/math_test_cleaned.json", 500),
    "olympiadbench": ("olympiadbench/test.jsonl", 675),
}


@pytest.mark.parametrize("name", FILES)
def test_a_benchmark_reads_its_file(name: str, shared_data: Path, tmp_path: Path) -> None:
    file, count = FILES[name]
    problems = _problems([f"bench=[{name}]", f"bench.{name}.path={shared_data / file}", f"goal=bench.{name}.problems"], tmp_path)
    assert len(problems) == len({p.id for p in problems}) == count
    assert all(p.question.strip() and p.answer.strip() for p in problems)


def test_aime_answers_are_integers_below_a_thousand(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / FILES["aime24"][0]
    problems = _problems(["bench=[aime24]", f"bench.aime24.path={path}", "goal=bench.aime24.problems"], tmp_path)
    assert all(0 <= int(p.answer) <= 999 for p in problems)


def test_the_file_that_is_not_public_has_named_fields(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "m1", "problem": "1+1?", "solution": "easy", "answer": "2"}\n')
    words = ["bench=[math2024]", f"bench.math2024.path={tmp_path / 'm.jsonl'}", "goal=bench.math2024.problems"]
    (problem,) = _problems(words, tmp_path)
    assert len(problem.revision) == 64  # sha256 of the file
    assert problem == Problem(
        id="m1", question="1+1?", answer="2", solution="easy", source="math2024", revision=problem.revision, row=1
    )  # fmt: skip


def test_a_benchmark_file_says_only_what_is_its_own() -> None:
    """A source of a class of its own has path and limit where it is read, for it is no Local that benchmark_file knows."""
    for place in (conf_dir() / "bench").glob("*.yaml"):
        said = place.read_text()
        wiring = {"model", "engine", "machine", "seed", *(() if "_target_" in said else ("path", "limit"))}
        assert not wiring & {str(name) for name in OmegaConf.create(said)}, place


def test_a_benchmark_of_ones_own_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "conf" / "bench").mkdir(parents=True)
    lines = ["# @package bench.contest", "defaults: [Bench, /benchmark_file@_here_, _self_]", "problems: {name: contest, expected_rows: 2}"]
    (tmp_path / "conf" / "bench" / "contest.yaml").write_text("\n".join([*lines, "max_tokens: 77"]))
    (tmp_path / "c.jsonl").write_text('{"problem": "1+1?", "answer": "2"}\n{"problem": "2+2?", "answer": "4"}\n')
    origin, place = Origin("config", (conf_dir(), tmp_path / "conf")), ["bench=[contest]", f"bench.contest.path={tmp_path / 'c.jsonl'}"]
    assert [p.answer for p in _problems([*place, "goal=bench.contest.problems", "bench.contest.limit=1"], tmp_path, origin)] == ["2"]
    words = [*place, "goal=bench.contest", "seed=5"]
    goal = study_of(composed(words, origin), words, origin, single=True).goals["run"]
    sample = goal.inputs["attempts"]
    assert (sample.what()["max_tokens"], sample.what()["seed"], sample.inputs["model"].kind) == (77, 5, "Sft")


def _problems(words: list[str], root: Path, origin: Origin = CONF) -> list[Problem]:
    study = study_of(composed(words, origin), words, origin)
    (stage,) = {goal.key: goal for goal in study.wanted}.values()
    return list(Store(root / "outputs").get(stage))
