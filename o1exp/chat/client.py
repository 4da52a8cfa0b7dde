"""Ask a model many things at once: cached, paced, retried, within the budget."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass
from types import TracebackType
from typing import Self

from rich.markup import escape

from o1exp.chat.beside import bring_in
from o1exp.chat.cache import Cache
from o1exp.chat.desk import HINT, Desk, Order
from o1exp.chat.fetch import Fetch, Landed
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Ledger
from o1exp.chat.noticed import Noticed, together
from o1exp.chat.replay import replaying
from o1exp.chat.request import Answer, Request, asked, cache_key
from o1exp.chat.sums import in_words, too_many
from o1exp.chat.teacher import Budget, Teacher
from o1exp.chat.walk import After, Walk, failed
from o1exp.flow import StageFailed, Work
from o1exp.records.finish import ending

MAKING = "making"
"""The file in a stage's scratch folder that names one making of it, over all kills: what it has given up it does not ask again."""


class Client:
    """A teacher with its cache and ledger; use as a context manager.

    The teacher's server is started only when something has to be sent: a replay needs neither network nor key.
    """

    def __init__(self, teacher: Teacher, budget: Budget, work: Work) -> None:
        if why := budget.unguarded(teacher):
            raise StageFailed(f"budget.{why}")
        self._teacher = teacher.bound(work)
        self._budget = budget
        self._work = work
        self._open = ExitStack()
        self._base_url = ""
        self._paid: set[str] = set()
        self._read: set[str] = set()
        self._failed: set[str] = set()
        self._noticed = Noticed(self._teacher)

    def __enter__(self) -> Self:
        path, stage = self._work.shared(NAME), self._work.stage
        self._cache = Cache(path)
        self._open.callback(self._cache.close)
        if count := bring_in(self._cache, path.parent):
            self._work.console.line(f"{count} answers that an earlier run had saved beside {escape(str(path))} are in it now")
        self._ledger = Ledger(self._cache, path.parent / "locks", self._budget.study, f"{stage.kind}/{stage.key}", self._making())
        self._open.callback(self._ledger.close)
        self._desk = Desk(self._teacher, self._budget, self._cache, self._ledger, self._work, self._ledger.left_out())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._finish()
            else:
                (self._work.scratch / MAKING).unlink(missing_ok=True)  # whoever starts it again may have mended what failed
        finally:
            self._open.close()

    def _making(self) -> str:
        """The name of this making; one that was killed goes on under its own."""
        place = self._work.scratch / MAKING
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(uuid.uuid4().hex, encoding="utf-8")
        return place.read_text(encoding="utf-8")

    def ask(self, requests: Sequence[Request], what: str = "answers") -> Iterator[Answer]:
        """All answers in the order of the requests, each read from the cache once, when its turn comes, after every one of them is there.

        A request that failed for good has an answer that says why. Errors: BudgetSpent before the budget could be passed; StageFailed
        where going on is of no use; Stopped. Answers paid for are kept in every case.
        """
        self.pursue(requests, None, what)
        return map(self.answer, requests)

    def pursue(self, first: Sequence[Request], after: After | None, what: str = "answers") -> None:
        """Get the answers to the first requests, and to what `after` asks once it is told of one, at once and not only behind the others.

        Errors: as `ask`.
        """
        walk = Walk(self._desk, after)
        orders = walk.found(first)
        if orders:
            self._fetch(orders, what, None if after is None else walk.landed)
        self._failed |= walk.keys & self._desk.left_out.keys()
        if too_many(len(self._failed), self._desk.asked, self._teacher.max_failed):
            raise StageFailed(f"{self._teacher.model} at {self._base_url or self._teacher.address}: {self._desk.failures()}. {HINT}")
        self._ledger.use(walk.keys - self._failed)

    def answer(self, request: Request) -> Answer:
        """The answer to a request that was pursued before."""
        question = asked(self._teacher, request)
        key = cache_key(question)
        found = self._cache.standing(key, question)
        if found is None:
            return failed(request, self._desk.left_out[key], self._teacher.model)
        kept = self._cache.find(found)
        assert kept is not None
        twin = found in self._read
        answer = Answer(request, kept.completion, kept.reasoning, found not in self._paid, kept.estimated, twin=twin, came=kept.came)
        self._read.add(found)
        self._noticed.saw(answer)
        return answer

    def _fetch(self, orders: list[Order], what: str, landed: Landed | None) -> None:
        if not self._base_url:
            self._base_url = "the record" if replaying() else self._open.enter_context(self._teacher.serving(self._work))
        with self._work.progress(what, len(orders)) as bar:
            self._paid |= asyncio.run(Fetch(self._desk, orders, bar, landed).run(self._base_url))

    def _finish(self) -> None:
        """Note what failed, and say so."""
        line = self._work.console.line
        self._work.note(failed_attempts=self._ledger.failed_attempts())
        if self._failed:
            said = in_words(self._desk.left_out[key] for key in self._failed)
            failures = f"{len(self._failed)} of {self._desk.asked} requests failed and are left out ({said})"
            self._work.note(incomplete="; ".join(filter(None, (self._work.facts.get("incomplete"), failures))))
            line(f"[yellow]left out[/] {escape(failures)}; the same command with stale=remake sends only these again")
        self._work.note(**together(self._work.facts, self._noticed.facts()))
        for warning in self._noticed.warnings():
            line(f"[yellow]warning[/] {escape(warning)}")


@dataclass
class Calls:
    """Counts over answers, for a stage's facts; twins count once.

    `usd` is what they cost when they were bought; what a stage paid is in the book alone.
    """

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    truncated: int = 0
    refused: int = 0
    failed: int = 0
    twins: int = 0
    estimated_usage: int = 0

    def add(self, answer: Answer) -> None:
        usage, finish = answer.completion.usage, ending(answer.completion.finish_reason)
        if answer.twin:
            self.twins += 1
            return
        self.requests += 1
        self.cached += answer.cached
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.usd += usage.usd
        self.truncated += answer.cut
        self.refused += finish == "refused"
        self.failed += bool(answer.failure)
        self.estimated_usage += answer.estimated

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def facts(self) -> dict[str, float]:
        return {**asdict(self), "tokens": self.prompt_tokens + self.completion_tokens, "usd": round(self.usd, 6)}
