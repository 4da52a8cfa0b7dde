"""The parts of the bench that need no peer still run."""

from collections import Counter
from pathlib import Path

from o1exp.train.data.encode import ChatEncoder, encode
from tests.speed.curating import curating
from tests.speed.packing import packing
from tests.speed.tokens import byte_pairs, thoughts
from tests.speed.wide import make, prepared


def test_packed_and_single_documents_are_measured(tmp_path: Path) -> None:
    found = packing(tmp_path)
    assert found.ours > 0
    assert found.other > 0


def test_the_rules_of_the_filter_are_measured(tmp_path: Path) -> None:
    assert curating(tmp_path, 3000).ratio > 0


def test_millions_of_problems_are_like_these(tmp_path: Path) -> None:
    prepared(tmp_path, 500)
    found = {name: make(tmp_path, 500, name) for name in ("source", "columns", "rules", "whole", "solutions")}
    assert found["source"].rows == found["columns"].rows == 500
    assert found["rules"].rows > found["whole"].rows == found["solutions"].rows
    dropped = (tmp_path / "outputs").glob("artefacts/Rules/*/dropped.tsv")
    rules = Counter(line.split("\t")[2] for path in dropped for line in path.read_text().splitlines())
    assert rules["contaminated"] > 50
    assert rules["duplicates"] > 5


def test_the_examples_to_encode_can_be_encoded() -> None:
    examples = thoughts(20)
    assert len(encode(examples, ChatEncoder(byte_pairs(examples)), 100_000, "drop")) == 20
