"""The turn of an order: when limits and money let it leave."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from o1exp.chat.cache import Unwritten
from o1exp.chat.desk import Desk, Order
from o1exp.chat.keep import Keeper
from o1exp.chat.ledger import Claim
from o1exp.chat.pace import Pace
from o1exp.chat.prices import Price


class Turns:
    """Claims orders within the limits per minute and the budget. `waits` is told the seconds of each wait, `spent` of the money's end."""

    def __init__(self, desk: Desk, pace: Pace, keeper: Keeper, waits: Callable[[float], None], spent: Callable[[Price], None]) -> None:
        self._desk, self._pace, self._keeper, self._waits, self._spent = desk, pace, keeper, waits, spent
        self._freed = asyncio.Event()

    async def claim(self, order: Order) -> Claim:
        """Claim the order when its turn has come.

        While money is reserved for requests under way, wait for them: most cost less than the most they could.
        """
        price = self._desk.price(order.request)
        while await self._pace.turn(lambda: self._tokens(price), self._waits):
            claim = self._claimed(order, price, 1)
            if claim is Claim.OVER:
                self._spent(price)
            if claim is not Claim.FULL:
                return claim
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):  # reservations of other runs end unseen
                    await self._freed.wait()
        return Claim.OVER

    def join(self, order: Order) -> Claim:
        """Claim an order that goes along with a claimed one, and waits for nothing: what the other holds would never come free."""
        price = self._desk.price(order.request)
        return Claim.FULL if self._pace.take(self._tokens(price), 0) > 0 else self._claimed(order, price, 0)

    def freed(self) -> None:
        """A request has come to its end."""
        self._freed.set()

    def _tokens(self, price: Price) -> int:
        likely = self._desk.ledger.prices.likely(self._desk.teacher.model, price)
        return likely.prompt_tokens + likely.completion_tokens

    def _claimed(self, order: Order, price: Price, requests: int) -> Claim:
        """Try to claim it; what the limits counted for it is given back where that fails."""
        desk, claim, tokens = self._desk, Claim.FULL, self._tokens(price)
        if not self._keeper.rests:
            try:
                claim = desk.ledger.claim(order.key, desk.teacher.model, price, desk.budget.usd)
            except Unwritten as problem:
                self._keeper.unwritten(problem)
            else:
                self._keeper.takes()
        if claim is not Claim.MINE:
            self._pace.back(tokens, requests)
        return claim
