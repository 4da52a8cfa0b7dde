"""A process reward model of a few thousand weights, drawn at random."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.servers.loopback import Loopback
from o1exp.flow import Checkpoint, SettingsError, Stage, StageFailed, Work
from o1exp.records.tree import trees
from o1exp.thoughts.reward import Reward
from o1exp.thoughts.tree import TreeSearch
from o1exp.train.bases.small import Untrained
from tests.thoughts.parts import store, teacher
from tests.thoughts.searching import Problems, Server, good, played

TINY = {"layers": 1, "hidden": 16, "heads": 2, "kv_heads": 2, "intermediate": 32}


@dataclass(frozen=True, kw_only=True)
class Classifier(Stage[Checkpoint]):
    """The tiny model with a head of two labels for each token."""

    base: Stage[Checkpoint]

    def make(self, work: Work) -> None:
        import torch
        from transformers import AutoTokenizer, Qwen2Config, Qwen2ForTokenClassification

        torch.manual_seed(0)
        source = work.open(self.base).source
        config = Qwen2Config.from_pretrained(source)
        config.num_labels = 2
        Qwen2ForTokenClassification(config).save_pretrained(work.folder / "model")
        AutoTokenizer.from_pretrained(source).save_pretrained(work.folder / "model")


def search(url: str, judge: Reward) -> TreeSearch:
    return TreeSearch(problems=Problems(sums=("12+34", "57+68")), teacher=teacher(url), judge=judge, until_right=False)


@pytest.mark.parametrize("kind", ["causal", "classifier"])
def test_a_local_reward_model_scores_each_step_at_its_mark(tmp_path: Path, kind: str) -> None:
    base: Stage[Any] = Untrained(**TINY)
    weights = base if kind == "causal" else Classifier(base=base)
    server = Server(played(**good(slip_rate=0.4)))
    with Loopback(server) as at:
        here = store(tmp_path)
        every = search(at.base_url, Reward(weights=weights, least=0.0))
        nodes = [node for tree in trees(here.get(every)) for node in tree.nodes.values()]
        values = {node.value for node in nodes}
        assert len(values) > 3
        assert all(value is not None and 0 < value < 1 for value in values)
        assert {(node.verdict, node.judge) for node in nodes} == {("right", "reward model")}
        asked = len(server.asked)
        middle = max(node.value for node in nodes if node.value is not None and not node.parent)
        strict = search(at.base_url, Reward(weights=weights, least=middle))
        assert strict.key != every.key
        found = {(node.problem, node.id): (node.value, node.verdict) for node in here.get(strict)}
        assert {verdict for _, verdict in found.values()} == {"right", "wrong"}
        assert all((value < middle) == (verdict == "wrong") for value, verdict in found.values() if value is not None)
        assert len(server.asked) == asked, "its steps were asked for before, and the judge asks nobody"


def test_a_label_that_the_model_lacks_is_said(tmp_path: Path) -> None:
    weights = Classifier(base=Untrained(**TINY))
    with pytest.raises(StageFailed, match="good_label=2: the reward model has the labels 0 to 1 only"):
        store(tmp_path).get(search("http://127.0.0.1:1/v1", Reward(weights=weights, good_label=2)))


def test_the_score_is_read_behind_the_last_step() -> None:
    with pytest.raises(SettingsError, match="has to end in"):
        Reward(weights=Untrained(), template="{steps} {question}")
