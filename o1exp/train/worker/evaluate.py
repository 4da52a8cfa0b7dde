"""What is looked at between steps: the loss on held-out problems, and what the model writes by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from o1exp.chat.local.generated import write
from o1exp.chat.local.plain import exact_attention, only_logits
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules, NoNumber, Row
from o1exp.chat.local.spell import Spelling, end_tokens
from o1exp.chat.local.window import window
from o1exp.train.data.batch import MicroBatch
from o1exp.train.data.encode import ROLES, CannotTrain
from o1exp.train.data.schedule import Batches, Units
from o1exp.train.logs import GreedyAnswer
from o1exp.train.spec import TrainSpec
from o1exp.train.worker.objective import Objective


@dataclass(frozen=True)
class Prompt:
    """A held-out problem's prompt as token ids, with the row of the data, and the role there of the answer to compare with."""

    row: int
    role: str
    ids: list[int]


class Evaluation:
    """Held-out micro-batches of this rank, `weight` of the units of all ranks, and prompts to answer greedily.

    It is due before the first step and after each of `evaluations` equal parts of the training.
    """

    def __init__(self, spec: TrainSpec, batches: Sequence[MicroBatch], weight: int, prompts: list[Prompt], tokenizer: Any) -> None:
        self.spec, self.batches, self.weight, self.prompts, self.tokenizer = spec, batches, weight, prompts, tokenizer

    def due(self, step: int, steps: int) -> bool:
        parts = self.spec.evaluations
        return bool(self.weight) and step in {round(part * steps / parts) for part in range(parts + 1)}

    def loss(self, model: Any, objective: Objective, device: torch.device) -> tuple[float, float]:
        """(loss per unit of weight, share of right ones) over all held-out units: sums over all ranks, divided once."""
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        model.eval()
        with torch.no_grad():
            for batch in self.batches:
                scored = objective(model, batch.to(device))
                sums += torch.stack([scored.loss.double(), scored.right.double()])
        model.train()
        if self.spec.ranks > 1:
            torch.distributed.all_reduce(sums)
        loss, right = (sums / self.weight).tolist()
        return loss, right

    def samples(self, model: Any, device: torch.device, together: bool) -> list[GreedyAnswer]:
        """Greedy answers to the prompts, which end where a benchmark's would; every rank computes the same ones.

        `together`: the ranks share the weights, so that none stops before the others. Errors: CannotTrain where the weights give no number.
        """
        ours = model.config._attn_implementation
        spelling = Spelling(self.tokenizer)
        rules = DecodeRules(
            temperature=0.0, top_p=1.0, ends=end_tokens(model, self.tokenizer), stopped=spelling.stopped(()),
        )  # fmt: skip
        model.eval()
        model.set_attn_implementation(exact_attention(model))
        written = []
        try:
            with torch.no_grad(), only_logits(model):
                for prompt in self.prompts:
                    got = self._answer(model, prompt, rules, together)
                    written.append(GreedyAnswer(row=prompt.row, role=prompt.role, text=spelling.text(got.ids)))
        except NoNumber as why:
            raise CannotTrain(f"{self.spec.start}, as far as it is trained: {why}") from why
        model.set_attn_implementation(ours)
        model.train()
        return written

    def _answer(self, model: Any, prompt: Prompt, rules: DecodeRules, together: bool) -> Decoded:
        limit = max(0, min(self.spec.sample_tokens, window(model) - len(prompt.ids)))
        got = Decoded([], full=limit == 0)
        if not got.done:
            request = DecodeRequest(prompt=tuple(prompt.ids), limit=limit, noise=torch.zeros(limit))
            write(model, [Row(request, got)], rules, lambda new: None, together)
        return got


def evaluation_of(spec: TrainSpec, units: Units, tokenizer: Any, rank: int) -> Evaluation:
    """The evaluation on held-out units. Errors: CannotTrain where a share was asked for and nothing is held out."""
    if not len(units.members):
        if spec.validation_fraction:
            raise CannotTrain(
                f"validation_fraction={spec.validation_fraction:g} holds out none of {len(units.data)} examples; raise it, or set it to 0"
            )
        return Evaluation(spec, [], 0, [], tokenizer)
    data, shown = units.data, units.members[: spec.samples, 0]
    prompts = [Prompt(int(data.rows[d]), ROLES[data.roles[d]], data.document(d)[: data.prompts[d]].tolist()) for d in shown]
    return Evaluation(spec, Batches(spec, units, rank), int(units.weight.sum()), prompts, tokenizer)
