"""The three sets whose rows were labelled by reading, as problems."""

from functools import cache
from pathlib import Path

from o1exp.records import Problem
from o1exp.sources.local import Local

FILES = {"numina": "numina_reformat/data_before_reformat.jsonl", "s1k": "s1k/s1k.json", "olympiad": "olympiadbench/test.jsonl"}


@cache
def problems(data: Path) -> dict[str, dict[str, Problem]]:
    """By set and id."""
    return {name: {problem.id: problem for problem in Local(path=str(data / file)).peek(5000)} for name, file in FILES.items()}
