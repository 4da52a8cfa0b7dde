"""Ids of tens of millions of rows, each of them once."""

from o1exp.records.seen import Seen


class Ids:
    """Hands out ids: the row's own, or `id~2` and so on where it is taken; rows may have ids of that form themselves.

    Where the hashes of two ids meet by chance, one has a needless "~2".
    """

    def __init__(self) -> None:
        self._seen = Seen()
        self._uses: dict[str, int] = {}
        """How often an id was used that was used more than twice: two sources may have all their ids in common."""

    def unused(self, name: str) -> str:
        if name not in self._seen:
            self._seen.add(name)
            return name
        found, times = name, self._uses.get(name, 1)
        while found in self._seen:
            times += 1
            found = f"{name}~{times}"
        if times > 2:
            self._uses[name] = times
        self._seen.add(found)
        return found
