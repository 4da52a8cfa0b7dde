"""The shared data load whole: as many rows of each file as its README says, each with its source, version and row."""

import re
from pathlib import Path

import pytest

from o1exp.records.rows import json_rows
from o1exp.sources.files import read_rows
from o1exp.sources.local import Local

_LINE = re.compile(r"^\| (\S+\.(?:jsonl|json|csv|parquet)) \| (\d+) \| ([^|]+) \|")
PROBLEMS = {
    "aime2024/AIME24.jsonl": {}, "aimo_validation/aimo-validation-aime.jsonl": {}, "aimo_validation/aimo-validation-amc.jsonl": {},
    "amc23/test.jsonl": {}, "chinese_simpleqa/chinese_simpleqa.jsonl": {}, "cmath/cmath.jsonl": {"level": "grade"}, "gsm8k/test.jsonl": {},
    "gsm8k/train.jsonl": {}, "limo_traces/deepseek-r1-distill-qwen-32b.jsonl": {}, "limo_traces/official-solution.jsonl": {},
    "math500/math_test_cleaned.json": {"level": "level", "subset": "type"}, "math500/orz_math500.json": {},
    "numina_reformat/data_after_reformat.jsonl": {}, "numina_reformat/data_before_reformat.jsonl": {}, "olympiadbench/test.jsonl": {},
    "s1k/s1k.json": {}, "s1k_hf/reasoning_dataset.parquet": {}, "simpleqa/simple_qa_test_set.csv": {}, "marco_o1/CoT_demo.json": {},
}  # fmt: skip
"""Sets of problems, with the columns that have no usual name."""


def listed(data: Path) -> list[tuple[str, int]]:
    """The files that the README counts."""
    found = [(match[1], int(match[2])) for line in (data / "README.md").read_text().splitlines() if (match := _LINE.match(line))]
    return [(name, rows) for name, rows in found if (data / name).is_file()]


@pytest.mark.slow
def test_every_file_has_the_rows_of_its_readme(shared_data: Path) -> None:
    files = listed(shared_data)
    assert len(files) > 50
    wrong = []
    for name, rows in files:
        path = shared_data / name
        found = list(json_rows(path)) if path.suffix == ".json" else list(read_rows(path))
        if len(found) != rows or any(row.reason for row in found):
            wrong.append((name, rows, len(found), next((row.reason for row in found if row.reason), "")))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_sets_of_problems_are_read_whole(shared_data: Path, name: str) -> None:
    source = Local(path=str(shared_data / name), name=name, fields=PROBLEMS[name])
    problems = source.peek(10_000)
    assert len(problems) == dict(listed(shared_data))[name]
    assert len({problem.id for problem in problems}) == len(problems)
    assert {(problem.source, problem.revision) for problem in problems} == {(name, source.sha256)}
    assert [problem.row for problem in problems] == sorted({problem.row for problem in problems})
    assert all(problem.question for problem in problems)
    if "level" in PROBLEMS[name]:
        assert all(problem.level for problem in problems)
