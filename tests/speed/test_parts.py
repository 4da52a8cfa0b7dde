"""The parts of the bench that need no peer still run."""

from pathlib import Path

from o1exp.train.data.encode import ChatEncoder, encode
from tests.speed.curating import curating
from tests.speed.packing import packing
from tests.speed.tokens import byte_pairs, thoughts


def test_packed_and_single_documents_are_measured(tmp_path: Path) -> None:
    found = packing(tmp_path)
    assert found.ours > 0
    assert found.other > 0


def test_the_rules_of_the_filter_are_measured(tmp_path: Path) -> None:
    assert curating(tmp_path, 3000).ratio > 0


def test_the_examples_to_encode_can_be_encoded() -> None:
    examples = thoughts(20)
    assert len(encode(examples, ChatEncoder(byte_pairs(examples)), 100_000, "drop")) == 20
