"""Get the answers that the cache does not have: many at once, each kept the moment it arrives."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from rich.markup import escape

from o1exp.chat.batch import FOLDER, settled, stored
from o1exp.chat.beside import Saved
from o1exp.chat.cache import BUSY, PATIENCE, Kept, Unwritten
from o1exp.chat.desk import Desk, Order
from o1exp.chat.endpoint import is_loopback
from o1exp.chat.failure import Again, Unfit
from o1exp.chat.keep import Keeper
from o1exp.chat.ledger import Claim
from o1exp.chat.pace import Limit, Pace
from o1exp.chat.prices import Price
from o1exp.chat.record import Record
from o1exp.chat.replay import replaying
from o1exp.chat.setbacks import Setbacks
from o1exp.chat.several import Senders
from o1exp.chat.sums import budget_spent
from o1exp.chat.together import Together
from o1exp.chat.turns import Turns
from o1exp.flow import StageFailed, Stopped
from o1exp.flow.progress import Bar
from o1exp.records import Usage

GRACE = 0.3
"""Seconds that requests under way get to finish after Ctrl-C."""
LOOK = 0.1
"""Seconds between two looks at what no event tells: whether the user stopped the run, what other runs do."""


Landed = Callable[[Order, Kept | None, str], Awaitable[list[Order]]]
"""Told of each order that came to its end, with the answer or with the reason why there is none; gives what is to be asked next."""


class Fetch:
    """One batch of requests on its way. Who waits, for a server or for its next attempt, leaves its slot to others."""

    def __init__(self, desk: Desk, orders: list[Order], bar: Bar, landed: Landed | None = None) -> None:
        self._desk = desk
        self._bar = bar
        self._landed = landed
        self._ready = deque(orders)
        self._elsewhere: list[Order] = []
        self._busy: set[asyncio.Task[None]] = set()
        self._landing: set[asyncio.Task[None]] = set()
        self._total = len(orders)
        self._done = 0
        self._over_limit = 0
        self._sent: set[str] = set()
        self._failure: BaseException | None = None
        self._over: Price | None = None
        self._ending = asyncio.Event()
        self._wake = asyncio.Event()

    async def run(self, base_url: str) -> set[str]:
        """Fetch everything; the keys of what was paid for here. Errors: Stopped, StageFailed, BudgetSpent."""
        self._prepare(base_url)
        try:
            while self._open():
                self._start()
                await self._something()
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure
        if self._over is not None:
            desk, counts = self._desk, (self._total, self._done)
            raise budget_spent(desk.ledger, desk.teacher.model, desk.budget.usd or 0.0, self._over, counts)
        return self._sent

    def _prepare(self, base_url: str) -> None:
        desk, teacher = self._desk, self._desk.teacher
        folder = desk.ledger.locks.parent / FOLDER
        self._who = f"{teacher.model} at {base_url}"
        self._setbacks = Setbacks(teacher, self._who, lambda text: desk.work.console.line(f"[dim]waiting[/] {escape(text)}"))
        self._together = Together(1 if teacher.batch else teacher.n, self._who, self._setbacks.tell)
        self._sender: Senders | Record = Record() if replaying() else Senders(teacher, base_url, folder)
        if teacher.batch:
            settled(stored(folder, base_url), {order.key for order in self._ready}, desk.ledger)
        limits = desk.cache.base.limits(desk.ledger.locks, base_url, teacher.api_key_env)
        self._pace = Pace(limits, Limit(teacher.requests_per_minute), Limit(teacher.tokens_per_minute), self._ending)
        durable = teacher.costs or not is_loopback(base_url)
        self._keeper = Keeper(desk.cache, desk.ledger, durable, self._setbacks.tell, self._fail)
        self._turns = Turns(desk, self._pace, self._keeper, self._setbacks.wait_of_pace, self._spent)
        desk.cache.patience(BUSY)

    async def _close(self) -> None:
        """Give up what is under way, write what came in, and say what is to be said."""
        desk, teacher = self._desk, self._desk.teacher
        tasks = [*self._busy, *self._landing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pace.close()
        await self._sender.close()
        beside = self._keeper.finish(desk.ledger.locks.parent)
        desk.cache.patience(PATIENCE)
        if self._sender.batches is not None and not beside:
            self._sender.batches.forget()
        if beside:
            desk.work.console.line(escape(beside))
        if self._over_limit:
            said = "1 answer was" if self._over_limit == 1 else f"{self._over_limit} answers were"
            desk.work.console.line(
                f"[yellow]warning[/] {said} billed with more than max_tokens={teacher.max_tokens}, by what the server says"
            )

    def _open(self) -> bool:
        """Is there anything that may still be sent or come in?"""
        waiting = not self._ending.is_set() and (self._ready or self._setbacks.waiting or self._elsewhere or self._keeper.full)
        return bool(self._busy or self._landing or waiting)

    def _start(self) -> None:
        """Send what is due, as far as there are slots."""
        self._ready.extendleft(self._setbacks.due())
        if self._ending.is_set() or self._keeper.full:
            return
        room = self._setbacks.room(len(self._busy))
        while self._ready and room:
            task = asyncio.create_task(self._handle(self._together.take(self._ready)))
            self._busy.add(task)
            task.add_done_callback(self._came)
            room -= 1

    def _came(self, task: "asyncio.Task[None]") -> None:
        self._busy.discard(task)
        self._landing.discard(task)
        self._wake.set()
        wrong = None if task.cancelled() else task.exception()
        if wrong is not None and not isinstance(wrong, Stopped):  # the loop sees by itself that the user stopped the run
            self._fail(wrong)

    async def _something(self) -> None:
        """Wait until something happens, or it is time to look. Errors: Stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._setbacks.until_due(LOOK)):
                await self._wake.wait()
        self._wake.clear()
        if self._desk.work.stopping:
            self._end()
            if self._busy:
                await asyncio.wait(self._busy, timeout=GRACE)
            raise Stopped
        self._keeper.try_now()
        if self._elsewhere and not self._ready:
            self._look_elsewhere()

    def _look_elsewhere(self) -> None:
        """What another run had sent is waited for; should that run give up, it comes back into the queue."""
        waiting, self._elsewhere = self._elsewhere, []
        for order in waiting:
            try:
                if self._desk.cache.has(order.key):
                    self._land(order, None)
                elif self._desk.ledger.taken(order.key):
                    self._elsewhere.append(order)
                else:
                    self._ready.append(order)
            except Unwritten:
                self._elsewhere.append(order)

    async def _handle(self, orders: list[Order]) -> None:
        """One attempt at some draws of a prompt: kept, left to another run, put off, left out, or back in the queue as the batch ends."""
        if not self._is_mine(orders[0], await self._turns.claim(orders[0])):
            self._ready.extendleft(reversed(orders[1:]))
            return
        desk, mine = self._desk, [orders[0], *(order for order in orders[1:] if self._is_mine(order, self._turns.join(order)))]
        guess = desk.ledger.prices.likely(desk.teacher.model, desk.price(mine[0].request))
        try:
            kept = await self._sender.send([order.request for order in mine])
        except Again as again:
            self._failed(mine, again)
        except Unfit as unfit:
            self._setbacks.understood()
            if len(mine) == 1:
                self._leave_out(mine[0], unfit.reason, lost=False)
            else:
                self._together.refused(len(mine), unfit.reason)
                self._back(mine)
        except StageFailed as failure:
            self._fail(failure)
            self._back(mine)
        else:
            # Nothing may be awaited between the arrival of an answer and its commit.
            for order, one in zip(mine, kept, strict=False):
                self._keep(order, one, guess)
            self._together.came(len(mine), len(kept))
            self._back(mine[len(kept) :])
        finally:
            self._turns.freed()

    def _back(self, orders: list[Order]) -> None:
        """Claimed orders of which nothing came, and which cost nothing by themselves: each is asked for by itself."""
        for order in orders:
            self._keeper.give_back(order.key)
            self._ready.append(replace(order, alone=True))

    def _is_mine(self, order: Order, claim: Claim) -> bool:
        """Is it claimed? Else it goes where it belongs."""
        if claim is Claim.TAKEN:
            self._elsewhere.append(order)
        elif claim is Claim.KEPT:
            self._land(order, None)
        elif claim is not Claim.MINE:
            self._ready.append(order)
        return claim is Claim.MINE

    def _keep(self, order: Order, kept: Kept, guess: Usage) -> None:
        used, ledger = kept.completion.usage, self._desk.ledger
        self._setbacks.answered()
        self._desk.answered += 1
        self._over_limit += not kept.estimated and used.completion_tokens > self._desk.teacher.max_tokens
        self._sent.add(order.key)
        saved = Saved(order.key, order.question, kept, ledger.study, ledger.stage, self._desk.teacher.model, time.time())
        self._keeper.keep(saved, lambda: self._land(order, kept))
        self._pace.correct(guess.prompt_tokens + guess.completion_tokens, used.prompt_tokens + used.completion_tokens)

    def _failed(self, orders: list[Order], again: Again) -> None:
        """The attempt failed: put the orders off, or leave them out; or end the run where the server is away for too long."""
        model = self._desk.teacher.model
        if pause := self._setbacks.met(again):
            self._pace.hold(pause)
        for order in orders:
            try:
                reason = self._setbacks.put_off(order, again)
            except StageFailed as away:
                self._keeper.fail(order.key, model, again.reason, again.lost)
                self._fail(away)
                self._ready.append(order)
                continue
            if reason:
                self._leave_out(order, reason, again.lost)
            else:
                self._keeper.fail(order.key, model, again.reason, again.lost)
        self._show(f"waiting: {again.reason[:60]}")

    def _leave_out(self, order: Order, reason: str, lost: bool) -> None:
        """Record the order as failed for good and go on, unless that is of no use."""
        self._keeper.fail(order.key, self._desk.teacher.model, reason, lost, final=True)
        if (end := self._desk.give_up(order, reason, self._who)) is not None:
            self._fail(end)
        self._land(order, None, reason)

    def _land(self, order: Order, kept: Kept | None, reason: str = "") -> None:
        """The order came to its end."""
        self._setbacks.over(order)
        self._done += 1
        self._show(f"${self._desk.ledger.spent():.2f}" if self._desk.teacher.costs else "")
        if self._landed is not None:
            task = asyncio.create_task(self._follow(self._landed, order, kept, reason))
            self._landing.add(task)
            task.add_done_callback(self._came)

    async def _follow(self, landed: Landed, order: Order, kept: Kept | None, reason: str) -> None:
        following = await landed(order, kept, reason)
        self._total += len(following)
        self._ready.extendleft(reversed(following))

    def _show(self, note: str) -> None:
        self._bar.at(self._done, note)

    def _fail(self, failure: BaseException) -> None:
        """The first failure ends the batch; what is under way may still arrive and is kept."""
        self._failure = self._failure or failure
        self._end()

    def _spent(self, refused: Price) -> None:
        """The money ends here."""
        self._over = self._over or refused
        self._end()

    def _end(self) -> None:
        self._ending.set()
        self._pace.wake()
        self._wake.set()
