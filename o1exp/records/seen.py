"""Which names were used before, of tens of millions: 16 to 32 bytes each, where a set of strings takes 150."""

from array import array
from hashlib import blake2b


class Seen:
    """Names by a hash of 64 bits: two of ten million meet by chance in three of a million tables."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 12))
        self._count = 0

    def __contains__(self, name: str) -> bool:
        return self._table[self._slot(number_of(name))] != 0

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> None:
        number = number_of(name)
        slot = self._slot(number)
        if not self._table[slot]:
            self._table[slot] = number
            self._count += 1
            if 2 * self._count > len(self._table):
                self._grow()

    def _slot(self, number: int) -> int:
        """Where the number stands, or would stand."""
        table, last = self._table, len(self._table) - 1
        slot = number & last
        while table[slot] and table[slot] != number:
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        before, self._table = self._table, array("Q", bytes(16 * len(self._table)))
        for number in before:
            if number:
                self._table[self._slot(number)] = number


def number_of(name: str) -> int:
    """64 bits for a name, never 0."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") or 1
