"""From the first requests, over what follows from their answers, to the last: what is in the cache, and what has to be sent."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from o1exp.chat.cache import Kept
from o1exp.chat.desk import Desk, Order
from o1exp.chat.request import Answer, Request, asked, cache_key
from o1exp.flow import Stopped
from o1exp.records import Completion, Usage

FAILED = "failed"
"""The finish reason of a request that was given up."""

After = Callable[[Answer], Sequence[Request]]
"""Told of each answer, gives what is to be asked next. It is called from several threads, one call at a time for each answer."""


class Walk:
    """From the first requests, over what their answers make of them, to the last: what is in the cache at once, the rest as orders."""

    def __init__(self, desk: Desk, after: After | None) -> None:
        self._desk, self._after = desk, after
        self._waiting: dict[str, list[Request]] = {}
        """The requests by the key of the order that they wait for; equal ones share it."""
        self.keys: set[str] = set()
        """Of all that was asked for."""

    def found(self, requests: Iterable[Request]) -> list[Order]:
        """What has to be sent for these requests and for those that follow from answers which are there."""
        orders, ahead = list[Order](), list(reversed(list(requests)))
        while ahead:
            if self._desk.work.stopping:
                raise Stopped
            request = ahead.pop()
            order = self._met(request)
            if isinstance(order, Order):
                orders.append(order)
            elif isinstance(order, Answer) and self._after is not None:
                ahead.extend(reversed(self._after(order)))
        return orders

    def _met(self, request: Request) -> Order | Answer | None:
        """An order for what is not there, its answer for what is; None for one that waits for the order of an equal one."""
        question = asked(self._desk.teacher, request)
        key = cache_key(question)
        if key in self._waiting:
            self._waiting[key].append(request)
            return None
        standing = self._desk.cache.standing(key, question)
        self._desk.asked += (standing or key) not in self.keys
        self.keys.add(standing or key)
        if standing is not None:
            self._desk.answered += 1
            return self._answered(request, self._desk.cache.find(standing)) if self._after is not None else None
        if key in self._desk.left_out:
            return failed(request, self._desk.left_out[key], self._desk.teacher.model)
        self._waiting[key] = [request]
        return Order(key, request, question)

    async def landed(self, order: Order, kept: Kept | None, reason: str) -> list[Order]:
        """The orders that follow from one that came to its end. What is made of an answer holds up no other."""
        assert self._after is not None
        if kept is None and not reason:
            kept = self._desk.cache.find(order.key)
        following = list[Request]()
        for request in self._waiting[order.key]:
            answer = failed(request, reason, self._desk.teacher.model) if reason else self._answered(request, kept)
            following += await asyncio.to_thread(self._after, answer)
        return self.found(following)

    def _answered(self, request: Request, kept: Kept | None) -> Answer:
        assert kept is not None
        return Answer(request, kept.completion, kept.reasoning, True, kept.estimated, came=kept.came)


def failed(request: Request, reason: str, model: str) -> Answer:
    """What stands for the answer to a request that was given up."""
    nothing = Usage(prompt_tokens=0, completion_tokens=0, usd=0.0)
    return Answer(request, Completion(text="", finish_reason=FAILED, usage=nothing, model=model), "", False, False, failure=reason)
