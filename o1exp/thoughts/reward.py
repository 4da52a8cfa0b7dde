"""A process reward model on this machine as the judge: what it says at the mark behind each step is read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from o1exp.flow import AtLeast, Between, Checkpoint, Settings, Stage, StageFailed, Work, how
from o1exp.flow.hub import look_for_hub
from o1exp.records import Problem
from o1exp.thoughts.asking import Exploring
from o1exp.thoughts.judge import Judge, Judged
from o1exp.thoughts.prompts import filled

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Reward(Judge):
    """Reads the score of a step from a model of one of two kinds, told apart by the folder's config.

    A token classifier (as TRL trains them) gives the label `good_label` some chance at the last token of the mark behind the step. A
    causal model (as Math-Shepherd's) is about to write `good` or `bad` there, and the chance of `good` against `bad` counts.
    A score below `least` is wrong. Nobody is asked: no tokens, no gold. Scores are computed for one problem after the other.
    """

    weights: Stage[Checkpoint]
    """The model."""
    template: str = "{question}\n\n{steps}"
    """What the model reads: {question} and {steps} are filled in, each step with its mark behind it."""
    mark: str = "\n\n"
    """What stands behind each step, and where the score is read; its last token counts."""
    good: str = "+"
    """What a causal model writes behind a good step; its last token counts."""
    bad: str = "-"
    """What it writes behind a bad one."""
    good_label: Annotated[int, AtLeast(0)] = 1
    """The label of a token classifier that means a good step."""
    least: Annotated[float, Between(0, 1)] = 0.5
    """A step with a lower score is wrong."""
    gpus: Annotated[int, AtLeast(0)] = how(0)
    """GPUs of this machine that the model gets: 0 for the CPU."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.mark:
            yield "mark", "is empty; name what stands behind each step"
        if not self.template.endswith("{steps}"):
            yield "template", "has to end in {steps}: the score is read at the mark behind the last one"

    @property
    def devices(self) -> int:
        return self.gpus

    @contextmanager
    def ready(self, work: Work) -> Iterator[Judge]:
        yield Reading(reward=self, reader=Reader(self, work.open(self.weights)))

    def judge(self, problem: Problem, paths: Sequence[Sequence[str]]) -> Exploring[list[Judged]]:
        raise AssertionError("the model is not loaded; use what `ready` gives")


@dataclass(frozen=True, kw_only=True)
class Reading(Judge):
    """The judge with its model loaded."""

    reward: Settings
    reader: Any = how()

    def judge(self, problem: Problem, paths: Sequence[Sequence[str]]) -> Exploring[list[Judged]]:
        yield []
        assert isinstance(self.reward, Reward)
        name, found = "reward model", list[Judged]()
        for path in paths:
            score = self.reader.score(problem.question, path)
            verdict = "" if score is None else "wrong" if score < self.reward.least else "right"
            found.append(Judged(verdict, score, "" if score is None else f"scored {score:.2f}", name))  # type: ignore[arg-type]
        return found


class Reader:
    """The model and its tokenizer. Weights only as safetensors, never code from the folder."""

    def __init__(self, reward: Reward, checkpoint: Checkpoint) -> None:
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

        self._reward = reward
        where: dict[str, Any] = {"revision": checkpoint.revision or None, "trust_remote_code": False}
        look_for_hub(checkpoint.source)
        try:
            config = AutoConfig.from_pretrained(checkpoint.source, **where)
            self._classifies = any("TokenClassification" in name for name in config.architectures or [])
            kind = AutoModelForTokenClassification if self._classifies else AutoModelForCausalLM
            model, report = kind.from_pretrained(checkpoint.source, use_safetensors=True, output_loading_info=True, **where)
            self._tokenizer = AutoTokenizer.from_pretrained(checkpoint.source, **where)
        except (OSError, ValueError, KeyError) as why:
            first = next(iter(str(why).strip().splitlines()), "") or type(why).__name__
            raise StageFailed(f"the reward model at {checkpoint.source} cannot be loaded: {first}") from why
        if missing := sorted(report["missing_keys"]):
            raise StageFailed(f"the reward model at {checkpoint.source} lacks the weights {', '.join(missing[:5])}; mend the folder")
        if self._classifies and config.num_labels <= reward.good_label:
            raise StageFailed(f"good_label={reward.good_label}: the reward model has the labels 0 to {config.num_labels - 1} only")
        self._device = "cuda" if reward.gpus else "cpu"
        self._model = model.eval().to(self._device)
        self._window = int(getattr(config, "max_position_embeddings", 0) or 0)

    def score(self, question: str, path: Sequence[str]) -> float | None:
        """The chance that the last step of the path is good; None where the path is longer than the model reads."""
        import torch

        steps = "".join(step + self._reward.mark for step in path)
        ids = self._tokenizer(filled(self._reward.template, {"question": question, "steps": steps}))["input_ids"]
        if self._window and len(ids) > self._window:
            return None
        ids = ids[: self._end(ids)]
        with torch.no_grad():
            said: Tensor = self._model(torch.tensor([ids], device=self._device)).logits[0, -1].float()
        if self._classifies:
            return float(said.softmax(-1)[self._reward.good_label])
        good, bad = (self._last(text) for text in (self._reward.good, self._reward.bad))
        return float(said[[good, bad]].softmax(-1)[0])

    def _end(self, ids: list[int]) -> int:
        """Behind the last token of the text, before what the tokenizer itself adds at the end."""
        special = set(self._tokenizer.all_special_ids)
        end = len(ids)
        while end > 1 and ids[end - 1] in special and self._last(self._reward.mark) != ids[end - 1]:
            end -= 1
        return end

    def _last(self, text: str) -> int:
        return int(self._tokenizer(text, add_special_tokens=False)["input_ids"][-1])
