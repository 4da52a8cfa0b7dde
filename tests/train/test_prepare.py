"""Token ids are one artefact for all trainings that agree on tokenizer, template and cap; it shows and counts what it did."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Machine, Stage, StageFailed, Store, Work
from o1exp.records import Example, Table
from o1exp.train.bases.small import TEMPLATE
from o1exp.train.data.preview import lines
from o1exp.train.facts import PreparedFacts
from tests.train.parts import SMALL, manifest_of


@dataclass(frozen=True, kw_only=True)
class Texts(Stage[Table[Example]]):
    """Examples "3 + 3 = ?" with these responses."""

    responses: tuple[str, ...]

    def make(self, work: Work) -> None:
        rows = enumerate(self.responses)
        work.write(Example, (Example(problem=f"p{number}", prompt="3 + 3 = ?", response=text) for number, text in rows))


def test_trainings_that_differ_in_training_share_it() -> None:
    key = SMALL.prepared.key
    training: list[dict[str, Any]] = [
        {"lr": 1.0}, {"batch_tokens": 512}, {"pack_length": 1024, "batch_tokens": 4096}, {"machine": Machine(devices=2, zero_stage=3)},
        {"epochs": 1}, {"max_steps": 3}, {"seed": 5}, {"validation_fraction": 0.2}, {"tuning": "lora"}, {"precision": "bf16"},
        {"rope_theta": 1e6, "max_position_embeddings": 2048},
    ]  # fmt: skip
    for change in training:
        other = SMALL.replace(**change)
        assert other.prepared.key == key, change
        assert "machine" in change or other.key != SMALL.key
    assert SMALL.replace(start=SMALL.replace(lr=1.0)).prepared.key == key  # a second phase on the same data
    data: list[dict[str, Any]] = [
        {"max_length": 300}, {"overlong": "cut"}, {"chat_template": "{# another #}" + TEMPLATE}, {"eos_token": "<|end|>"},
        {"data": Texts(responses=("6",))}, {"start": SMALL.start.replace(seed=1)},
    ]  # fmt: skip
    for change in data:
        assert SMALL.replace(**change).prepared.key != key, change


def test_it_is_made_once(trained: Store) -> None:
    other = SMALL.replace(lr=1.0)
    assert trained.has(other.prepared)
    assert other.prepared not in trained.missing([other])
    assert [stage.kind for stage in trained.missing([other])] == ["Sft"]


def test_the_tokenizer_of_a_second_phase_is_an_input(trained: Store) -> None:
    """The base model, whose tokenizer every rank loads, although the second phase starts from the first."""
    second = SMALL.replace(start=SMALL, lr=1.0)
    assert second.inputs["tokenizer"] == SMALL.start == second.prepared.tokenizer
    assert list(second.inputs) == ["start", "data", "prepared", "tokenizer"]


def prepared(root: Path, *responses: str, **settings: object) -> tuple[Store, Stage[object]]:
    stage = SMALL.replace(data=Texts(responses=responses), **settings).prepared
    store = Store(root)
    store.make([stage])
    return store, stage


def test_the_preview_shows_what_is_learned(tmp_path: Path) -> None:
    store, stage = prepared(tmp_path, "It is <6>.", "Six & done", "6", "six")
    page = (store.folder(stage) / "preview.html").read_text()
    given = "<span>&lt;|start|&gt;&lt;|user|&gt;3 + 3 = ?&lt;|assistant|&gt;</span>"
    assert f"{given}<mark>It is &lt;6&gt;.&lt;|end|&gt;</mark>" in page
    assert f"{given}<mark>Six &amp; done&lt;|end|&gt;</mark>" in page
    assert page.count("<mark>") == 3
    assert "row 0: 12 tokens given, 11 learned" in page


def test_a_person_sees_lengths_and_mask_before_it_costs_anything(tmp_path: Path) -> None:
    store, stage = prepared(tmp_path, "It is 6.", "Six", "6", "sixth", max_length=14)
    said = list(lines(store.folder(stage), PreparedFacts.of(manifest_of(store, stage).facts), window=20))
    assert said[0] == "  4 examples, longest 21 tokens; max_length 14, 3 dropped (55 tokens lost), the model's window 20"
    assert [line.split()[2] for line in said[1:3]] == ["16", "32"]
    assert said[1].endswith("  ← max_length 14")
    assert said[2].endswith("  ← window 20")
    assert "[bold]6<|end|>[/bold]" in said[-1]


def test_lengths_are_counted_dropped_ones_too(tmp_path: Path) -> None:
    lengths = (1, 3, 4, 19, 52, 51, 300)
    store, stage = prepared(tmp_path, *("x" * length for length in lengths), max_length=64)
    facts = manifest_of(store, stage).facts
    assert facts["length_histogram"] == {"16": 2, "32": 2, "64": 1, "128": 1, "256": 0, "512": 1}
    assert sum(facts["length_histogram"].values()) == facts["examples"] == 7
    assert (facts["rows"], facts["dropped"], facts["cut"], facts["tokens_lost"]) == (5, 2, 0, 65 + 313)
    assert (facts["length_longest"], facts["length_median"], facts["max_length"]) == (313, 32, 64)
    assert facts["label_tokens"] == sum(length + 1 for length in (1, 3, 4, 19, 51))
    assert facts["tokens"] == facts["label_tokens"] + 5 * 12


def test_cut_examples_are_counted_too(tmp_path: Path) -> None:
    store, stage = prepared(tmp_path, "6", "x" * 100, max_length=40, overlong="cut")
    facts = manifest_of(store, stage).facts
    assert (facts["rows"], facts["dropped"], facts["cut"], facts["tokens_lost"]) == (2, 0, 1, 113 - 40)


def test_a_template_that_rewrites_the_response_is_refused(tmp_path: Path) -> None:
    rewriting = TEMPLATE.replace("{{ message['content'] }}<|end|>", "{{ message['content'].split('</think>')[-1] }}<|end|>")
    with pytest.raises(StageFailed, match=r"does not keep example p1#0 as written.*use a template that rewrites nothing"):
        prepared(tmp_path, "6", "<think>3 and 3</think>6", chat_template=rewriting)


def test_an_example_without_a_trainable_token_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"example p2#0 has no trainable token: its response is empty"):
        prepared(tmp_path, "6", "6", " ")
    with pytest.raises(StageFailed, match=r"example p0#0 has no trainable token: its prompt alone has 12 tokens and max_length is 8"):
        prepared(tmp_path, "6", max_length=8, overlong="cut")


def test_an_unknown_end_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"eos_token=<\|stop\|>: the tokenizer of .* has no such token"):
        prepared(tmp_path, "6", eos_token="<|stop|>")
