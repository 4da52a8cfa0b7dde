"""What a request may cost: at most, and likely, by what the answers of its model took until now."""

import time
from dataclasses import dataclass
from typing import Any

from o1exp.records import Usage

MANY = 1000
"""Rows that an asker reads when it begins before it notes for the next one what it found in them."""
ENOUGH, RECENT = 10, 200
"""From so many answers of a model on, their mean is what its next request is likely to take; of so many, the last ones, it is taken."""


@dataclass(frozen=True)
class Price:
    """The most that a request can cost by its own length and cap, and what it will probably use; USD of one token of either kind."""

    most_usd: float
    likely: Usage
    usd_per_prompt: float = 0.0
    usd_per_completion: float = 0.0

    @property
    def likely_tokens(self) -> int:
        return self.likely.prompt_tokens + self.likely.completion_tokens


class Prices:
    """What the answers of each model took, out of the book."""

    def __init__(self, sql: Any) -> None:
        self._sql = sql
        self._means: dict[str, tuple[float, tuple[int, float, float]]] = {}
        """By model: until when its mean holds (monotonic clock), and the mean."""
        self._dearest: dict[tuple[str, float, float], tuple[int, float]] = {}
        """By model and prices: up to which row the book was read, and the most that an answer had cost until there."""

    def most(self, model: str, price: Price) -> float:
        """USD that a request can cost at most: by its own length and cap, and by what the dearest answer of the model took until now."""
        one = (model, price.usd_per_prompt, price.usd_per_completion)
        begins = one not in self._dearest
        seen, dearest = self._noted(one) if begins else self._dearest[one]
        last, found = self._sql.execute(
            "SELECT coalesce(max(id), 0), "
            "max(CASE WHEN model=? AND kind='answered' AND struck='' THEN prompt_tokens * ? + completion_tokens * ? ELSE 0 END) "
            "FROM ledger WHERE id > ?",
            (*one, seen),
        ).fetchone()
        self._dearest[one] = max(last, seen), max(dearest, found or 0.0)
        if begins and last > seen + MANY:
            self._note(one)
        return max(price.most_usd, self._dearest[one][1])

    def _noted(self, one: tuple[str, float, float]) -> tuple[int, float]:
        """What an earlier asker has noted, so that only the rows since then are read."""
        query = "SELECT seen, usd FROM dearest WHERE model=? AND usd_per_prompt=? AND usd_per_completion=?"
        found = self._sql.execute(query, one).fetchone()
        return (int(found[0]), float(found[1])) if found else (0, 0.0)

    def _note(self, one: tuple[str, float, float]) -> None:
        """Only when it was just read: what was struck meanwhile is not in it."""
        self._sql.execute(
            "INSERT INTO dearest VALUES (?,?,?,?,?) ON CONFLICT (model, usd_per_prompt, usd_per_completion) "
            "DO UPDATE SET seen=excluded.seen, usd=excluded.usd WHERE excluded.seen > dearest.seen",
            (*one, *self._dearest[one]),
        )

    def likely(self, model: str, price: Price) -> Usage:
        """What a request will likely use: the mean of the model's last answers once there are enough, else the most that it can."""
        count, prompt, completion = self._mean(model)
        if count < ENOUGH:
            return price.likely
        usd = prompt * price.usd_per_prompt + completion * price.usd_per_completion
        return Usage(prompt_tokens=round(prompt), completion_tokens=round(completion), usd=usd)

    def _mean(self, model: str) -> tuple[int, float, float]:
        """Of the last answers of a model: how many, and their mean tokens of prompt and answer, looked at once a second."""
        until, known = self._means.get(model, (0.0, (0, 0.0, 0.0)))
        if time.monotonic() < until:
            return known
        tokens = "SELECT prompt_tokens, completion_tokens FROM ledger"
        recent = f"{tokens} WHERE model=? AND kind='answered' AND struck='' ORDER BY id DESC LIMIT ?"
        means = ", ".join(f"coalesce(avg(CAST({column} AS DOUBLE PRECISION)), 0)" for column in ("prompt_tokens", "completion_tokens"))
        query = f"SELECT count(*), {means} FROM ({recent}) AS recent"
        count, prompt, completion = self._sql.execute(query, (model, RECENT)).fetchone()
        if count >= ENOUGH:
            self._means[model] = time.monotonic() + 1.0, (count, prompt, completion)
        return count, prompt, completion

    def average(self, model: str, price: Price) -> float:
        """USD that an answer of the model took on average until now, at these prices; 0 without any."""
        mean = "coalesce(avg(prompt_tokens * ? + completion_tokens * ?), 0)"
        found = self._sql.execute(
            f"SELECT {mean} FROM ledger WHERE model=? AND kind='answered' AND struck=''",
            (price.usd_per_prompt, price.usd_per_completion, model),
        ).fetchone()
        return float(found[0])
