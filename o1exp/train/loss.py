"""Token losses without full logits: only places that predict a label, in chunks."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from o1exp.train.batch import MicroBatch

CHUNK_LOGITS = 2**24
"""Logits held at once (64 MB in fp32)."""


def summed_loss(model: Any, batch: MicroBatch, chunk_logits: int = CHUNK_LOGITS) -> torch.Tensor:
    """The sum of -log p over the micro-batch's labels, fp32, shape []; `model` is a causal LM of transformers."""
    hidden = model.base_model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, groups=batch.groups).last_hidden_state
    predictors = hidden[0].index_select(0, batch.predictors)
    head, rows = model.get_output_embeddings(), max(1, chunk_logits // model.config.vocab_size)
    if len(predictors) <= rows:
        return _chunk_loss(head, predictors, batch.targets)
    total = torch.zeros((), device=predictors.device)
    for part, targets in zip(torch.split(predictors, rows), torch.split(batch.targets, rows), strict=True):
        total = total + checkpoint(_chunk_loss, head, part, targets, use_reentrant=False)
    return total


def _chunk_loss(head: torch.nn.Module, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(head(hidden).float(), targets, reduction="sum")
