"""What the device knows of the rows under way, one slot each; all of it is changed in place, so that a captured step stays right."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from o1exp.chat.local.draw import NO_NUMBER

NOTHING = -2
"""Shown instead of a token by a slot that rests; NO_NUMBER by one whose logits are none, and it rests from then on."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row that goes on in a slot: its newest token, which stands at `position` and is still to be read."""

    token: int
    position: int
    made: int
    limit: int
    noise: Tensor
    pages: Sequence[int]


class Slots:
    """[slots] each: newest token, its position, tokens made, their limit, whether it rests; [slots, n]: pages, noise."""

    def __init__(self, count: int, pages: int, longest: int, device: torch.device) -> None:
        self.count, self.device = count, device
        self.token, self.position, self.made, self.limit = (torch.zeros(count, dtype=torch.long, device=device) for _ in range(4))
        self.rests = torch.ones(count, dtype=torch.bool, device=device)
        self.table = torch.zeros(count, pages, dtype=torch.int32, device=device)
        self.noise = torch.zeros(count, longest, device=device)
        self.shown = torch.full((count,), NOTHING, dtype=torch.long, device=device)

    def fill(self, entries: dict[int, Entry]) -> None:
        """Let rows go on in these slots."""
        rows = list(entries.values())
        where = self._tensor(list(entries))
        for held, numbers in (
            (self.token, [row.token for row in rows]), (self.position, [row.position for row in rows]),
            (self.made, [row.made for row in rows]), (self.limit, [row.limit for row in rows]),
        ):  # fmt: skip
            held[where] = self._tensor(numbers)
        table, noise = torch.zeros(len(rows), self.table.shape[1], dtype=torch.int32), torch.zeros(len(rows), self.noise.shape[1])
        for number, row in enumerate(rows):
            table[number, : len(row.pages)] = torch.tensor(row.pages, dtype=torch.int32)
            noise[number, : len(row.noise)] = row.noise
        self.table[where], self.noise[where] = table.to(self.device), noise.to(self.device)
        self.rests[where] = False

    def clear(self, slots: Sequence[int]) -> None:
        """Let these slots rest; what they still write goes to page 0."""
        where = self._tensor(list(slots))
        self.rests[where] = True
        self.position[where] = 0
        self.table[where] = 0

    def add_pages(self, added: Sequence[tuple[int, int, int]]) -> None:
        """Each: slot, number of the page in its row, page."""
        slot, number, page = (self._tensor(part) for part in zip(*added, strict=True))
        self.table[slot, number] = page.int()

    def correct(self, newest: dict[int, tuple[int, int, int]]) -> None:
        """Another newest token than the drawn one for these slots, which therefore have not ended: each one, its position, tokens made."""
        where = self._tensor(list(newest))
        for held, numbers in zip((self.token, self.position, self.made), zip(*newest.values(), strict=True), strict=True):
            held[where] = self._tensor(numbers)
        self.rests[where] = self.made[where] >= self.limit[where]

    def move(self, slots: Sequence[int]) -> None:
        """Slots 0, 1, ... become what these slots were; the others rest."""
        where = self._tensor(list(slots))
        for held in (self.token, self.position, self.made, self.limit, self.table, self.noise, self.rests):
            held[: len(slots)] = held[where]
        self.clear(range(len(slots), self.count))

    def take(self, chosen: Tensor, sure: Tensor | None, ends: Tensor) -> None:
        """The first slots write a token each, [rows], unless they rest or it is not `sure`. `ends`: ids that end a text."""
        rows = len(chosen)
        lost = chosen == NO_NUMBER
        resting = self.rests[:rows] if sure is None else self.rests[:rows] | ~sure
        self.shown[:rows] = torch.where(resting, NOTHING, chosen)
        self.rests[:rows] |= ~resting & lost
        resting = resting | lost
        self.token[:rows] = torch.where(resting, self.token[:rows], chosen)
        self.position[:rows] += ~resting
        self.made[:rows] += ~resting
        self.rests[:rows] |= ~resting & (chosen[:, None] == ends).any(1) | (self.made[:rows] >= self.limit[:rows])

    def drawn(self, rows: int) -> Tensor:
        """The numbers to draw the next token of the first slots with, [rows]."""
        place = self.made[:rows].clamp(max=self.noise.shape[1] - 1)
        return self.noise[:rows].gather(1, place[:, None]).squeeze(1)

    def _tensor(self, numbers: Sequence[int]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.long, device=self.device)
