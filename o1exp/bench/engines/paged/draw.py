"""Drawing within `top_p` without sorting the whole vocabulary, which takes as long as the model's own step."""

import torch
from torch import Tensor

from o1exp.chat.local.draw import drawn

LIKELY = 1024
"""Tokens that are sorted; a trained model's nucleus is nearly always smaller."""


def choose_likely(logits: Tensor, noise: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """As `choose` with top_p < 1, of the likeliest LIKELY tokens: tokens or NO_NUMBER [rows], and for which rows that is sure."""
    chances, names = torch.softmax(logits.float() / temperature, -1).topk(min(LIKELY, logits.shape[-1]), sorted=False)
    # Equal chances stand in the order of their names, as a stable sort of the whole vocabulary leaves them.
    names, order = names.sort(-1)
    chances, order = chances.gather(-1, order).sort(dim=-1, descending=True, stable=True)
    names = names.gather(-1, order)
    before = chances.cumsum(-1) - chances
    found = drawn(chances.masked_fill(before >= top_p, 0.0).cumsum(-1), names, noise)
    # Chances that are no numbers reach nothing, but they will not get better by a sort of all of them.
    reached = (before + chances)[:, -1]
    return found, (reached >= top_p) | reached.isnan()
