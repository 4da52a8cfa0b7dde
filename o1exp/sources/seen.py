"""Which ids were used before, of tens of millions of rows: 16 to 32 bytes each, where a set of strings takes 150."""

from array import array
from hashlib import blake2b


class Seen:
    """Ids by a hash of 64 bits: two of ten million meet by chance in three of a million files, and one has a needless "~2" then."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 12))
        self._count = 0

    def __contains__(self, name: str) -> bool:
        return self._table[self._slot(_hash(name))] != 0

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> None:
        number = _hash(name)
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


def _hash(name: str) -> int:
    """Never 0, which marks an empty place."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") or 1


class Ids:
    """Hands out ids: the row's own, or `id~2` and so on where it is taken; rows may have ids of that form themselves."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._uses: dict[str, int] = {}
        """How often an id was used that was used twice or more."""

    def unused(self, name: str) -> str:
        if name not in self._seen:
            self._seen.add(name)
            return name
        found, times = name, self._uses.get(name, 1)
        while found in self._seen:
            times += 1
            found = f"{name}~{times}"
        self._uses[name] = times
        self._seen.add(found)
        return found
