"""Drawing the next token."""

import torch
from torch import Tensor

NO_NUMBER = -1
"""Stands for a token where the logits are no numbers. Nothing is raised here: a captured step of a GPU could not."""
COLD = 1e-5
"""Below this temperature the likeliest token has all of the chance, and logits divided by it may leave what a float holds."""


def choose(logits: Tensor, noise: Tensor, temperature: float, top_p: float) -> Tensor:
    """One token per row of logits [rows, vocabulary], by inverting the cumulative distribution at noise [rows].

    Temperature 0 takes the likeliest token; `top_p` < 1 draws from the likeliest ones that together reach this chance. NO_NUMBER where a
    row's logits are NaN or infinite.
    """
    if temperature < COLD:
        return likeliest(logits)
    chances, names = torch.softmax(logits.float() / temperature, -1), None
    if top_p < 1:
        chances, names = chances.sort(dim=-1, descending=True, stable=True)
        before = chances.cumsum(-1) - chances
        chances = chances.masked_fill(before >= top_p, 0.0)
    return drawn(chances.cumsum(-1), names, noise)


def likeliest(logits: Tensor) -> Tensor:
    """The highest logit of each row; of NaN and infinity either is higher than any number."""
    place = logits.argmax(-1, keepdim=True)
    return torch.where(logits.gather(-1, place).isfinite(), place, NO_NUMBER).squeeze(-1)


def drawn(heaped: Tensor, names: Tensor | None, noise: Tensor) -> Tensor:
    """The token at `noise` [rows] in the summed chances [rows, places], whose tokens are `names`, or the places themselves."""
    total = heaped[:, -1:]
    # Staying a little below the total keeps rounding from picking the last token, which may have no chance at all.
    aim = noise[:, None] * total * (1 - 2**-22)
    # Sums of NaN are passed by every aim: the place would lie behind the last one.
    place = torch.searchsorted(heaped, aim, right=True).clamp(max=heaped.shape[-1] - 1)
    found = place if names is None else names.gather(-1, place)
    return torch.where(total > 0, found, NO_NUMBER).squeeze(-1)
