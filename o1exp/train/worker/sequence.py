"""Sequence parallel (DeepSpeed Ulysses): ranks share the tokens of a row, and for attention the heads.

Everything but attention looks at one token at a time, so that each rank computes its share of a row alone. Before attention the ranks
exchange: each gets all tokens of a part of the heads, and afterwards its own tokens of all heads again. DeepSpeed's own module does so for
rows of one document; this one is for our attention, which keeps packed documents apart, and runs on CPUs (gloo) as well.
"""

from functools import cache
from typing import Any

import torch

from o1exp.train.data.batch import Share
from o1exp.train.data.encode import CannotTrain


@cache
def groups(size: int) -> Any:
    """The process group of this rank and those it shares rows with: `size` neighbours. Every rank calls it at the same place first."""
    ranks, mine = torch.distributed.get_world_size(), torch.distributed.get_rank()
    found = None
    for first in range(0, ranks, size):
        made = torch.distributed.new_group(list(range(first, first + size)))
        found = made if first <= mine < first + size else found
    return found


def check(config: Any, size: int) -> None:
    """Errors: CannotTrain where the heads cannot be shared by so many ranks."""
    text = config.get_text_config()
    if (heads := int(text.num_attention_heads)) % size:
        raise CannotTrain(f"{heads} heads cannot be shared by machine.sequence_parallel={size} ranks; take a divisor of {heads}")


def whole(states: tuple[torch.Tensor, ...], share: Share) -> tuple[torch.Tensor, ...]:
    """query, key, value of this rank's tokens, [1, heads, tokens, width], as those of all tokens, of this rank's part of the heads."""
    heads = states[0].shape[1]
    return tuple(_gathered(_shareable(part, heads, share.size), share.size) for part in states)


def part(attended: torch.Tensor, share: Share) -> torch.Tensor:
    """What attention gave for all tokens of some heads, [1, tokens, heads, width], as that for this rank's tokens of all heads."""
    _, tokens, heads, width = attended.shape
    given = attended.view(share.size, tokens // share.size, heads, width)
    taken: torch.Tensor = _Exchange.apply(given.contiguous(), groups(share.size))  # type: ignore[no-untyped-call]
    return taken.transpose(0, 1).reshape(1, tokens // share.size, share.size * heads, width)


def part_of_heads(values: torch.Tensor | None, share: Share) -> torch.Tensor | None:
    """Of one value a head, those of this rank's heads."""
    return None if values is None else values.chunk(share.size)[share.place]


def _shareable(states: torch.Tensor, heads: int, size: int) -> torch.Tensor:
    """Heads of keys as they are where the ranks can share them, else one for each head of queries."""
    return states if states.shape[1] % size == 0 else states.repeat_interleave(heads // states.shape[1], 1)


def _gathered(states: torch.Tensor, size: int) -> torch.Tensor:
    _, heads, tokens, width = states.shape
    given = (
        states.view(size, heads // size, tokens, width) if states.is_contiguous() else states.reshape(size, heads // size, tokens, width)
    )
    taken: torch.Tensor = _Exchange.apply(given.contiguous(), groups(size))  # type: ignore[no-untyped-call]
    return taken.transpose(0, 1).reshape(1, heads // size, size * tokens, width)


class _Exchange(torch.autograd.Function):
    """[ranks, ...]: the n-th part goes to the n-th rank of the group, whose own for this rank takes its place; gradients too."""

    @staticmethod
    def forward(ctx: Any, given: torch.Tensor, group: Any) -> torch.Tensor:
        ctx.group = group
        return _exchanged(given, group)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        return _exchanged(outer[0].contiguous(), ctx.group), None


def _exchanged(given: torch.Tensor, group: Any) -> torch.Tensor:
    taken = torch.empty_like(given)
    torch.distributed.all_to_all_single(taken, given, group=group)
    return taken
