"""Get the answers that the cache does not have: many at once, each kept the moment it arrives."""

import asyncio
import math
import random
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from o1exp.chat.cache import Cache
from o1exp.chat.endpoint import is_loopback
from o1exp.chat.ledger import Claim, Ledger, Price
from o1exp.chat.pace import LONGEST_HOLD, Limit, Pace, state_file
from o1exp.chat.request import Request, likely_prompt_tokens, most_prompt_tokens
from o1exp.chat.send import Again, Sender
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import BudgetSpent, StageFailed, Stopped, Work
from o1exp.flow.progress import Bar
from o1exp.records import Usage

GRACE = 0.3
"""Seconds that requests under way get to finish after Ctrl-C."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0


@dataclass(frozen=True)
class Order:
    """A request to be answered, under its cache key."""

    key: str
    request: Request
    question: dict[str, Any]


@dataclass
class Desk:
    """What a teacher's answers go through."""

    teacher: Teacher
    budget: Budget
    cache: Cache
    ledger: Ledger
    work: Work

    def price(self, request: Request) -> Price:
        """The most it can cost where the server keeps to it (max_tokens, one token a byte of the prompt), and what it will likely use."""
        teacher = self.teacher
        prompt, completion = likely_prompt_tokens(teacher, request), min(teacher.likely_completion_tokens, teacher.max_tokens)
        likely = Usage(prompt_tokens=prompt, completion_tokens=completion, usd=teacher.usd(prompt, completion))
        most = teacher.usd(most_prompt_tokens(teacher, request), teacher.max_tokens)
        return Price(most, likely, teacher.usd(1, 0), teacher.usd(0, 1))


class Fetch:
    """One batch of requests on its way, with `teacher.concurrency` workers."""

    def __init__(self, desk: Desk, orders: list[Order], bar: Bar) -> None:
        self._desk = desk
        self._queue = deque(orders)
        self._elsewhere: list[Order] = []
        self._bar = bar
        self._total = len(orders)
        self._done = 0
        self._sent: set[str] = set()
        self._failure: StageFailed | None = None
        self._over: Price | None = None
        self._ending = asyncio.Event()
        self._freed = asyncio.Event()

    async def run(self, base_url: str) -> set[str]:
        """Fetch everything; the keys of what was paid for here. Errors: Stopped, StageFailed, BudgetSpent."""
        teacher = self._desk.teacher
        self._sender = Sender(teacher, base_url)
        state = state_file(self._desk.ledger.locks, base_url, teacher.api_key_env)
        self._pace = Pace(state, Limit(teacher.requests_per_minute), Limit(teacher.tokens_per_minute), self._ending)
        self._durable = teacher.costs or not is_loopback(base_url)
        try:
            while self._queue and not self._ending.is_set():
                await self._work_off()
                await self._look_elsewhere()
        finally:
            self._pace.close()
            await self._sender.close()
        if self._failure is not None:
            raise self._failure
        if self._over is not None:
            raise self._budget_spent(self._over)
        return self._sent

    async def _work_off(self) -> None:
        """Run workers until the queue is empty or the batch has to end; look every 0.1 s whether the user stopped the run."""
        count = min(self._desk.teacher.concurrency, len(self._queue))
        workers = started = {asyncio.create_task(self._worker()) for _ in range(count)}
        try:
            while workers:
                ended, workers = await asyncio.wait(workers, timeout=0.1)
                for worker in ended:
                    worker.result()
                if self._desk.work.stopping:
                    self._ending.set()
                    if workers:
                        _, workers = await asyncio.wait(workers, timeout=GRACE)
                    raise Stopped
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*started, return_exceptions=True)  # also of those that have failed with the first, or asyncio prints each

    async def _look_elsewhere(self) -> None:
        """What another run had sent is waited for; should that run give up, it comes back into the queue."""
        while self._elsewhere and not self._queue and not self._ending.is_set():
            if self._desk.work.stopping:
                raise Stopped
            await asyncio.sleep(0.1)
            waiting, self._elsewhere = self._elsewhere, []
            for order in waiting:
                if self._desk.cache.has(order.key):
                    self._advance()
                elif self._desk.ledger.taken(order.key):
                    self._elsewhere.append(order)
                else:
                    self._queue.append(order)

    async def _worker(self) -> None:
        while self._queue and not self._ending.is_set():
            await self._handle(self._queue.popleft())

    async def _handle(self, order: Order) -> None:
        """Bring one order to its end: kept, left to another run, or back in the queue because the batch ends."""
        desk, price = self._desk, self._desk.price(order.request)
        for attempt in range(desk.teacher.retries + 1):
            claim = await self._claim(order, price)
            if claim is Claim.TAKEN:
                self._elsewhere.append(order)
                return
            if claim is Claim.KEPT:
                self._advance()
                return
            if claim is not Claim.MINE:
                break
            try:
                await self._send(order, price)
                return
            except Again as again:
                if attempt == desk.teacher.retries:
                    who = f"{desk.teacher.model} at {self._sender.base_url}"
                    hint = "What was answered is kept; run the same command again"
                    self._fail(StageFailed(f"{who} gave no answer in {attempt + 1} attempts, at last: {again.reason}. {hint}"))
                    break
                await self._pause(again, attempt)
            except StageFailed as failure:
                self._fail(failure)
                break
        self._queue.append(order)

    async def _claim(self, order: Order, price: Price) -> Claim:
        """Claim the order when its turn has come.

        While money is reserved for requests under way, wait for them: most cost less than the most they could.
        """
        desk = self._desk
        while await self._pace.turn(price.likely_tokens):
            claim = desk.ledger.claim(order.key, desk.teacher.model, price, desk.budget.usd)
            if claim is Claim.MINE:
                return claim
            self._pace.back(price.likely_tokens)
            if claim is Claim.OVER:
                self._over = self._over or price
                self._ending.set()
            if claim is not Claim.FULL:
                return claim
            self._freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), 0.5)  # reservations of other runs end unseen
        return Claim.OVER

    async def _send(self, order: Order, price: Price) -> None:
        """Send a claimed order once and keep its answer. Errors: Again, StageFailed; the claim is given back."""
        desk = self._desk
        try:
            kept = await self._sender.send(order.request)
        except Again as again:
            (desk.ledger.lose if again.lost else desk.ledger.release)(order.key)
            raise
        except StageFailed:
            desk.ledger.release(order.key)
            raise
        else:
            # Nothing may be awaited between the arrival of an answer and its commit.
            with desk.cache.transaction(durable=self._durable):
                desk.cache.keep(order.key, order.question, kept)
                desk.ledger.pay(order.key, desk.teacher.model, kept.completion.usage)
            self._sent.add(order.key)
            self._advance()
            used = kept.completion.usage
            self._pace.correct(price.likely_tokens, used.prompt_tokens + used.completion_tokens)
        finally:
            self._freed.set()

    async def _pause(self, again: Again, attempt: int) -> None:
        """Exponential backoff with jitter, or what the server asked for; it ends early when the batch does."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * random.uniform(0.75, 1.25)
        if again.after is not None:
            pause = min(again.after, LONGEST_HOLD) + random.uniform(0, 0.1)
        if again.crowded:
            self._pace.hold(pause)
        self._bar.at(self._done, f"waiting {pause:.0f} s: {again.reason[:60]}")
        await self._pace.sleep(pause)

    def _advance(self) -> None:
        self._done += 1
        self._bar.at(self._done, f"${self._desk.ledger.spent():.2f}" if self._desk.teacher.costs else "")

    def _fail(self, failure: StageFailed) -> None:
        """The first failure ends the batch; what is under way may still arrive and is kept."""
        self._failure = self._failure or failure
        self._ending.set()

    def _budget_spent(self, refused: Price) -> BudgetSpent:
        desk, left = self._desk, len(self._queue) + len(self._elsewhere)
        spent, lost, cap = desk.ledger.spent(), desk.ledger.lost(), desk.budget.usd or 0.0
        done, model = self._total - left, desk.teacher.model
        each, most = max(refused.likely.usd, desk.ledger.average(model, refused)), desk.ledger.most(model, refused)
        need = math.ceil(100 * (spent + (left - 1) * each + most)) / 100  # the last one is sent only if there is room for a dear one
        uncertain = f" (${lost:.4f} of it for requests that were cut off; python -m o1exp.chat ledger lists them)" if lost else ""
        return BudgetSpent(
            f"the budget ends here: study {desk.ledger.study!r} has spent ${spent:.4f}{uncertain} of budget.usd={cap:g}, and one more "
            f"request to {model} can cost up to ${most:.4f}. Of {self._total} requests {done} are answered and "
            f"kept, {left} are left. To go on, run the same command with budget.usd={need:.2f} or more"
        )
