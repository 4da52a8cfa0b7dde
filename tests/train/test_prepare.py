"""Token ids are one artefact for all trainings that agree on tokenizer, template and cap; it shows and counts what it did."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Machine, SettingsError, Stage, StageFailed, Store, Work
from o1exp.records import Example, Table
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.bases.small import TEMPLATE, Untrained
from o1exp.train.data.preview import lines
from o1exp.train.facts import PreparedFacts
from o1exp.train.sft import Sft
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
    for change in ({"seed": 1}, {"layers": 9}, {"hidden": 64}):  # models from scratch have one tokenizer
        assert SMALL.replace(start=SMALL.start.replace(**change)).prepared.key == key
    data: list[dict[str, Any]] = [
        {"max_length": 300}, {"overlong": "cut"}, {"chat_template": "{# another #}" + TEMPLATE}, {"eos_token": "<|end|>"},
        {"data": Texts(responses=("6",))}, {"start": SMALL.start.replace(max_position_embeddings=512)},
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
    assert isinstance(SMALL.start, Untrained)
    assert second.inputs["tokenizer"] == SMALL.start.tokenizer == second.prepared.tokenizer
    pretrained = SMALL.replace(start=Pretrained(path="/models/base"))
    assert pretrained.replace(start=pretrained, lr=1.0).inputs["tokenizer"] == pretrained.start
    assert list(second.inputs) == ["start", "data", "prepared", "tokenizer"]


def prepared(root: Path, *responses: str, **settings: object) -> tuple[Store, Stage[object]]:
    stage = SMALL.replace(data=Texts(responses=responses), **settings).prepared
    store = Store(root)
    store.make([stage])
    return store, stage


def test_the_preview_shows_what_is_learned(tmp_path: Path) -> None:
    store, stage = prepared(tmp_path, "It is <6>.", "Six & done", "6", "six")
    page = (store.folder(stage) / "preview.html").read_text()
    given = "<span><b>&lt;|start|&gt;</b><b>&lt;|user|&gt;</b>3 + 3 = ?<b>&lt;|assistant|&gt;</b></span>"
    assert f"{given}<mark>It is &lt;6&gt;.<b>&lt;|end|&gt;</b></mark>" in page
    assert f"{given}<mark>Six &amp; done<b>&lt;|end|&gt;</b></mark>" in page
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


def test_a_template_that_drops_thoughts_keeps_those_of_the_data(tmp_path: Path) -> None:
    rewriting = TEMPLATE.replace("{{ message['content'] }}<|end|>", "{{ message['content'].split('</think>')[-1] }}<|end|>")
    store, stage = prepared(tmp_path, "6", "<think>3 and 3</think>6", chat_template=rewriting)
    assert "<mark>&lt;think&gt;3 and 3&lt;/think&gt;6<b>&lt;|end|&gt;</b></mark>" in (store.folder(stage) / "preview.html").read_text()


def test_special_tokens_in_texts_are_counted_and_shown_as_text(tmp_path: Path) -> None:
    store, stage = prepared(tmp_path, "6<|end|><|user|>\x007", "6")
    facts = manifest_of(store, stage).facts
    assert facts["special_tokens"] == {"<|end|>": 1, "<|user|>": 1}
    assert "<mark>6&lt;|end|&gt;&lt;|user|&gt;\u24007<b>&lt;|end|&gt;</b></mark>" in (store.folder(stage) / "preview.html").read_text()
    said = list(lines(store.folder(stage), PreparedFacts.of(facts), window=None))
    assert said[1] == "  special tokens in the texts: <|end|> 1, <|user|> 1"
    store, stage = prepared(tmp_path / "tokens", "6<|user|>7", special_tokens="tokens")
    assert "<mark>6<b>&lt;|user|&gt;</b>7<b>&lt;|end|&gt;</b></mark>" in (store.folder(stage) / "preview.html").read_text()


def test_a_template_is_a_name_or_a_file_that_counts_by_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text(TEMPLATE)
    stage = SMALL.replace(chat_template=str(file))
    assert stage.prepared.key == SMALL.replace(chat_template=TEMPLATE).prepared.key
    store, plain = prepared(tmp_path / "plain", "6", chat_template="plain")
    assert (
        "<span><b>&lt;|start|&gt;</b>User: 3 + 3 = ?\n\nAssistant:</span><mark> 6<b>&lt;|end|&gt;</b>"
        in (store.folder(plain) / "preview.html").read_text()
    )
    for given, says in (("no/such.jinja", "there is no such file"), ("{% for %}", r"is no Jinja template \(line 1: ")):
        with pytest.raises(SettingsError, match=says):
            SMALL.replace(chat_template=given)
    with pytest.raises(StageFailed, match=r"chat_template=plian: there is no such template; choose one of ours \(plain, chatml\)"):
        prepared(tmp_path / "wrong", "6", chat_template="plian")


def test_pad_tokens_do_not_matter(tmp_path: Path) -> None:
    """Packs have none: pads that are missing, disagree, end texts or lie outside the vocabulary are no reason to refuse."""
    folder = Path(Store(tmp_path / "store").get(SMALL.start).source)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    for pad in (None, "<|end|>", "<|start|>", "<|new pad|>"):
        copy = tmp_path / f"pad {pad}"
        shutil.copytree(folder, copy)
        (copy / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": pad}))
        store = Store(tmp_path / "store")
        facts = manifest_of(
            store, (stage := made(store, SMALL.replace(start=Pretrained(path=str(copy)), data=Texts(responses=("6",)))))
        ).facts
        assert (facts["rows"], stage.kind) == (1, "Prepare")


def test_a_tokenizer_that_cannot_be_loaded_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(Path(Store(tmp_path / "store").get(SMALL.start).source), folder)
    (folder / "tokenizer.json").write_text('{"model": {"type": "Newest"}, "added_tokens": []}')
    says = r"the tokenizer of .* cannot be loaded \(.+\); one that needs code of its own is never loaded"
    with pytest.raises(StageFailed, match=says):
        made(Store(tmp_path / "out"), SMALL.replace(start=Pretrained(path=str(folder)), data=Texts(responses=("6",))))


def made(store: Store, training: Sft) -> Stage[object]:
    store.make([training.prepared])
    return training.prepared


def test_an_example_without_a_trainable_token_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"example p2#0 has no trainable token: its response is empty"):
        prepared(tmp_path, "6", "6", " ")
    with pytest.raises(StageFailed, match=r"example p0#0 has no trainable token: its prompt alone has 12 tokens and max_length is 8"):
        prepared(tmp_path, "6", max_length=8, overlong="cut")


def test_an_unknown_end_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"eos_token=<\|stop\|>: the tokenizer of .* has no such token"):
        prepared(tmp_path, "6", eos_token="<|stop|>")
