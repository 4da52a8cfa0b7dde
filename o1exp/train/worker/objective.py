"""What a micro-batch's loss is: likelihood of the labels (SFT), or the preference of one answer over another (DPO)."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from o1exp.train.data.batch import MicroBatch, sent
from o1exp.train.data.encode import CHOSEN, Encoded
from o1exp.train.data.schedule import Batches, Units, units_of
from o1exp.train.spec import TrainSpec
from o1exp.train.worker.loss import Scored, summed_loss, token_losses


class Objective(ABC):
    """A summed loss over the units of a micro-batch, and how many of them the model gets right."""

    @abstractmethod
    def ready(self, model: Any, device: torch.device) -> None:
        """Called before the weights of a checkpoint are read, so with those of the start."""

    @abstractmethod
    def __call__(self, model: Any, batch: MicroBatch) -> Scored: ...


class Imitation(Objective):
    """SFT: -log p of every label token; right are those that are the model's first choice."""

    def ready(self, model: Any, device: torch.device) -> None:
        """Nothing is needed of the start."""

    def __call__(self, model: Any, batch: MicroBatch) -> Scored:
        return summed_loss(model, batch)


class Preference(Objective):
    """DPO (Rafailov et al. 2023): -log sigmoid(beta x margin) of every pair; right are pairs with a positive margin.

    The margin is how much more the model than the reference prefers the chosen answer: log p of the whole answers, summed over tokens.
    The reference is the start; its log p of every document is computed once and kept in scratch.
    """

    def __init__(self, spec: TrainSpec, units: Units, rank: int) -> None:
        self.spec, self.units, self.rank = spec, units, rank
        self.rejected = np.full(len(units.data), -1, np.int32)  # by the chosen document of the pair
        self.rejected[units.members[:, 0]] = units.members[:, 1]
        self.reference: torch.Tensor | None = None

    def ready(self, model: Any, device: torch.device) -> None:
        kept = Path(self.spec.scratch) / "reference.npy"
        if kept.exists():
            self.reference = torch.from_numpy(np.load(kept)).to(device)
            return
        found = torch.zeros(len(self.units.data), dtype=torch.float64, device=device)
        model.eval()  # the reference has no dropout
        with torch.no_grad():
            for batch in Batches(self.spec, self.units, self.rank):
                sums = document_log_likelihoods(model, batch.to(device))
                found[batch.documents] = sums.double()
        model.train()
        if self.spec.ranks > 1:
            torch.distributed.all_reduce(found)
        if self.rank == 0:
            partial = kept.with_name("writing-reference.npy")
            np.save(partial, found.cpu().numpy())
            partial.rename(kept)
        self.reference = found

    def __call__(self, model: Any, batch: MicroBatch) -> Scored:
        assert self.reference is not None
        sums = document_log_likelihoods(model, batch)
        place = {document: at for at, document in enumerate(batch.documents)}
        chosen = [document for document in batch.documents if self.units.data.roles[document] == CHOSEN]
        if not chosen:
            return Scored(sums.sum(), torch.zeros((), device=sums.device))
        preferred = [place[document] for document in chosen]
        other = [place[document] for document in self.rejected[chosen].tolist()]
        ours, better, worse = (sent(torch.tensor(numbers), sums.device) for numbers in (batch.documents, preferred, other))
        gain = sums - self.reference[ours].to(sums.dtype)
        margin = gain[better] - gain[worse]
        return Scored(-logsigmoid(self.spec.beta * margin).sum(), (margin > 0).sum())


def document_log_likelihoods(model: Any, batch: MicroBatch) -> torch.Tensor:
    """log p of each document's answer, summed over its tokens: [documents], in the order of `batch.documents`."""
    losses = token_losses(model, batch)
    return losses.new_zeros(len(batch.documents)).index_add(0, batch.owners, -losses)


def objective_of(spec: TrainSpec, data: Encoded, rank: int) -> Objective:
    """The spec's objective; `data` are all there are, to train and to validate on."""
    return Imitation() if spec.objective == "sft" else Preference(spec, units_of(spec, data, np.arange(len(data), dtype=np.int32)), rank)
