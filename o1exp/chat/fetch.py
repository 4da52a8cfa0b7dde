"""Get the answers that the cache does not have: many at once, each kept the moment it arrives."""

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from rich.markup import escape

from o1exp.chat.batch import FOLDER, settled, stored
from o1exp.chat.beside import Saved
from o1exp.chat.cache import BUSY, PATIENCE, Kept, Unwritten
from o1exp.chat.desk import HINT, Desk, Order
from o1exp.chat.endpoint import is_loopback
from o1exp.chat.failure import Again, Unfit
from o1exp.chat.keep import Keeper
from o1exp.chat.ledger import Claim, Price
from o1exp.chat.pace import LONGEST_HOLD, Limit, Pace, state_file
from o1exp.chat.several import Senders
from o1exp.chat.slots import Slots, Tries, Trouble, backoff
from o1exp.chat.sums import alike, budget_spent, too_many
from o1exp.flow import BudgetSpent, StageFailed, Stopped
from o1exp.flow.progress import Bar
from o1exp.records import Usage

GRACE = 0.3
"""Seconds that requests under way get to finish after Ctrl-C."""
LOOK = 0.1
"""Seconds between two looks at what no event tells: whether the user stopped the run, what other runs do."""
DOZEN = 12
"""So many requests that fail alike before the first answer say that none will be answered."""
REST = 0.5
"""Seconds that a cache which took nothing is left alone: each try holds up everything, also answers that have come in."""
LONG = 10.0
"""Seconds; a longer wait is told when it begins."""


Landed = Callable[[Order, Kept | None, str], Awaitable[list[Order]]]
"""Told of each order that came to its end, with the answer or with the reason why there is none; gives what is to be asked next."""


class Fetch:
    """One batch of requests on its way. Who waits, for a server or for its next attempt, leaves its slot to others."""

    def __init__(self, desk: Desk, orders: list[Order], bar: Bar, landed: Landed | None = None) -> None:
        teacher = desk.teacher
        self._desk = desk
        self._bar = bar
        self._landed = landed
        self._ready = deque(orders)
        self._later: list[tuple[float, int, Order]] = []
        """Orders that wait for their next attempt, by the time of it (monotonic clock)."""
        self._numbers = itertools.count()
        self._elsewhere: list[Order] = []
        self._busy: set[asyncio.Task[None]] = set()
        self._landing: set[asyncio.Task[None]] = set()
        self._tries: dict[str, Tries] = {}
        self._slots = Slots(teacher.first_concurrency, teacher.at_once)
        self._trouble = Trouble()
        self._told = False
        self._resting = 0.0
        self._total = len(orders)
        self._done = 0
        self._over_limit = 0
        self._sent: set[str] = set()
        self._failure: BaseException | None = None
        self._over: Price | None = None
        self._ending = asyncio.Event()
        self._wake = asyncio.Event()
        self._freed = asyncio.Event()

    async def run(self, base_url: str) -> set[str]:
        """Fetch everything; the keys of what was paid for here. Errors: Stopped, StageFailed, BudgetSpent."""
        desk, teacher = self._desk, self._desk.teacher
        folder = desk.ledger.locks.parent / FOLDER
        self._sender = Senders(teacher, base_url, folder)
        if teacher.batch:
            settled(stored(folder, base_url), {order.key for order in self._ready}, desk.ledger)
        state = state_file(desk.ledger.locks, base_url, teacher.api_key_env)
        self._pace = Pace(state, Limit(teacher.requests_per_minute), Limit(teacher.tokens_per_minute), self._ending)
        self._keeper = Keeper(desk.cache, desk.ledger, teacher.costs or not is_loopback(base_url))
        desk.cache.patience(BUSY)
        try:
            while self._open():
                self._start()
                await self._something()
        finally:
            await self._cancel()
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
        if self._failure is not None:
            raise self._failure
        if self._over is not None:
            raise self._budget_spent(self._over)
        return self._sent

    def _open(self) -> bool:
        """Is there anything that may still be sent or come in?"""
        waiting = not self._ending.is_set() and (self._ready or self._later or self._elsewhere or self._keeper.full)
        return bool(self._busy or self._landing or waiting)

    def _start(self) -> None:
        """Send what is due, as far as there are slots. While the server is down one request at a time looks whether it is back."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._ready.appendleft(heapq.heappop(self._later)[2])
        down = self._trouble.down
        if self._ending.is_set() or self._keeper.full or (down and (self._busy or now < self._trouble.until)):
            return
        while self._ready and len(self._busy) < (1 if down else self._slots.count):
            task = asyncio.create_task(self._handle(self._ready.popleft()))
            self._busy.add(task)
            task.add_done_callback(self._came)

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
            due = self._later[0][0] - time.monotonic() if self._later else LOOK
            async with asyncio.timeout(min(LOOK, max(due, 0.0))):
                await self._wake.wait()
        self._wake.clear()
        if self._desk.work.stopping:
            self._end()
            if self._busy:
                await asyncio.wait(self._busy, timeout=GRACE)
            raise Stopped
        self._written()
        if self._elsewhere and not self._ready:
            self._look_elsewhere()

    async def _cancel(self) -> None:
        tasks = [*self._busy, *self._landing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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

    async def _handle(self, order: Order) -> None:
        """One attempt at one order: kept, left to another run, put off, left out, or back in the queue because the batch ends."""
        desk, price = self._desk, self._desk.price(order.request)
        claim = await self._claim(order, price)
        if claim is Claim.TAKEN:
            self._elsewhere.append(order)
        elif claim is Claim.KEPT:
            self._land(order, None)
        elif claim is not Claim.MINE:
            self._ready.append(order)
        else:
            guess = desk.ledger.likely(desk.teacher.model, price)
            try:
                kept = await self._sender.send(order.request)
            except Again as again:
                self._failed(order, again)
            except Unfit as unfit:
                self._trouble.over()
                self._leave_out(order, unfit.reason, lost=False)
            except StageFailed as failure:
                self._keeper.give_back(order.key)
                self._fail(failure)
                self._ready.append(order)
            else:
                # Nothing may be awaited between the arrival of an answer and its commit.
                self._keep(order, kept, guess)
            finally:
                self._freed.set()

    async def _claim(self, order: Order, price: Price) -> Claim:
        """Claim the order when its turn has come.

        While money is reserved for requests under way, wait for them: most cost less than the most they could.
        """
        desk, model = self._desk, self._desk.teacher.model

        def tokens() -> int:
            likely = desk.ledger.likely(model, price)
            return likely.prompt_tokens + likely.completion_tokens

        while await self._pace.turn(tokens, self._wait_of_pace):
            guess = tokens()
            claim = Claim.FULL
            if time.monotonic() >= self._resting:
                try:
                    claim = desk.ledger.claim(order.key, model, price, desk.budget.usd)
                except Unwritten as problem:
                    self._unwritten(problem)
                else:
                    self._keeper.takes()
            if claim is Claim.MINE:
                return claim
            self._pace.back(guess)
            if claim is Claim.OVER:
                self._over = self._over or price
                self._end()
            if claim is not Claim.FULL:
                return claim
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):  # reservations of other runs end unseen
                    await self._freed.wait()
        return Claim.OVER

    def _keep(self, order: Order, kept: Kept, guess: Usage) -> None:
        used = kept.completion.usage
        self._trouble.over()
        self._told = False
        self._slots.answered()
        self._desk.answered += 1
        self._over_limit += used.completion_tokens > self._desk.teacher.max_tokens
        self._sent.add(order.key)
        ledger = self._desk.ledger
        saved = Saved(order.key, order.question, kept, ledger.study, ledger.stage, self._desk.teacher.model, time.time())
        self._keeper.keep(saved, lambda: self._land(order, kept))
        self._pace.correct(guess.prompt_tokens + guess.completion_tokens, used.prompt_tokens + used.completion_tokens)
        self._written()

    def _written(self) -> None:
        """Write what is held in memory. Nothing more is sent while the cache takes nothing."""
        if time.monotonic() < self._resting:
            return
        try:
            self._keeper.write()
        except Unwritten as problem:
            self._unwritten(problem)

    def _unwritten(self, problem: Unwritten) -> None:
        self._resting = time.monotonic() + REST
        if not self._keeper.waits(problem):
            self._fail(problem)
        elif not self._told:
            self._tell(f"{problem}; what came in is held in memory meanwhile")

    def _failed(self, order: Order, again: Again) -> None:
        """The attempt failed: put the order off, or leave it out; or end the run where the server is away for too long."""
        teacher, tries = self._desk.teacher, self._tries.setdefault(order.key, Tries())
        if not teacher.batch:  # a row of a batch says nothing of the server
            self._trouble.failed(again.reason, again.unreachable, again.after or 0.0)
        if again.timed:
            tries.waits += 1
        else:
            tries.failed += 1
            tries.since = time.monotonic()
        # Where others are answered it is no use to wait long, unless the server said that there are too many of us.
        pause = backoff(tries.waits if again.crowded else min(tries.waits + tries.failed, self._trouble.in_a_row))
        pause = min(again.after, LONGEST_HOLD, max(1.0, teacher.patience)) if again.after else pause
        if again.crowded:
            self._slots.crowded()
        if again.timed and again.after:
            self._pace.hold(pause)
        most = self._trouble.patience(teacher.patience, again.unreachable)
        if again.timed and self._trouble.lasts > most:
            self._keeper.fail(order.key, teacher.model, again.reason, again.lost)
            self._fail(StageFailed(f"{self._who()} gave no answer for {most:g} s, at last: {again.reason}. {HINT}"))
            self._ready.append(order)
        elif tries.failed > teacher.retries or (again.timed and time.monotonic() - tries.since > teacher.patience):
            times = f" ({tries.failed + tries.waits} attempts)" if tries.failed + tries.waits > 1 else ""
            self._leave_out(order, again.reason + times, again.lost)
        else:
            self._keeper.fail(order.key, teacher.model, again.reason, again.lost)
            self._put_off(order, pause, again.reason, most)
        self._written()

    def _put_off(self, order: Order, pause: float, reason: str, most: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + pause, next(self._numbers), order))
        self._show(f"waiting {pause:.0f} s: {reason[:60]}")
        if pause > LONG or self._trouble.lasts > LONG or (self._trouble.down and not self._trouble.answered):
            self._tell(f"{self._who()}: {reason}; waiting for it, {most:g} s at most")

    def _wait_of_pace(self, seconds: float) -> None:
        if seconds > LONG:
            self._tell(f"{self._who()}: {seconds:.0f} s until the next request may be sent, by its limits or as the server asked")

    def _tell(self, text: str) -> None:
        """One line for each trouble, also where there is no terminal."""
        if not self._told:
            self._told = True
            self._desk.work.console.line(f"[dim]waiting[/] {escape(text)}")

    def _leave_out(self, order: Order, reason: str, lost: bool) -> None:
        """Record the order as failed for good and go on, unless that is of no use."""
        desk = self._desk
        self._keeper.fail(order.key, desk.teacher.model, reason, lost, final=True)
        desk.left_out[order.key] = reason
        count = len(desk.left_out)
        if not desk.answered and count >= DOZEN and alike(desk.left_out.values()):
            self._fail(StageFailed(f"{self._who()} failed the first {count} requests alike: {reason}. {HINT}"))
        elif count >= DOZEN and too_many(count, desk.asked, desk.teacher.max_failed):
            self._fail(StageFailed(f"{self._who()}: {desk.failures()}. {HINT}"))
        self._land(order, None, reason)
        self._written()

    def _land(self, order: Order, kept: Kept | None, reason: str = "") -> None:
        """The order came to its end."""
        self._tries.pop(order.key, None)
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

    def _who(self) -> str:
        return f"{self._desk.teacher.model} at {self._sender.base_url}"

    def _fail(self, failure: BaseException) -> None:
        """The first failure ends the batch; what is under way may still arrive and is kept."""
        self._failure = self._failure or failure
        self._end()

    def _end(self) -> None:
        self._ending.set()
        self._pace.wake()
        self._wake.set()

    def _budget_spent(self, refused: Price) -> BudgetSpent:
        return budget_spent(self._desk.ledger, self._desk.teacher.model, self._desk.budget.usd or 0.0, refused, (self._total, self._done))
