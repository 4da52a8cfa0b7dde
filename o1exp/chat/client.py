"""Ask a model many things at once: cached, paced, retried, within the budget."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from o1exp.chat.cache import Cache
from o1exp.chat.fetch import Desk, Fetch, Order
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Ledger
from o1exp.chat.request import Answer, Message, Request, asked, cache_key
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import StageFailed, Work
from o1exp.records.finish import ending


class Client:
    """A teacher with its cache and ledger; use as a context manager.

    The teacher's server is started only when something has to be sent: a replay needs neither network nor key.
    """

    def __init__(self, teacher: Teacher, budget: Budget, work: Work) -> None:
        if why := budget.unguarded(teacher):
            raise StageFailed(f"budget.{why}")
        self._teacher = teacher
        self._budget = budget
        self._work = work
        self._open = ExitStack()
        self._base_url = ""
        self._paid: set[str] = set()
        self._repeats = Repeats()

    def __enter__(self) -> Self:
        path, stage = self._work.shared(NAME), self._work.stage
        self._cache = Cache(path)
        self._open.callback(self._cache.close)
        self._ledger = Ledger(self._cache, path.parent / "locks", self._budget.study, f"{stage.kind}/{stage.key}")
        self._open.callback(self._ledger.close)
        self._desk = Desk(self._teacher, self._budget, self._cache, self._ledger, self._work)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()
        if error is None and self._teacher.temperature > 0 and (prompts := self._repeats.ignored()):
            self._work.note(draws_identical=True)
            self._work.console.line(
                f"[yellow]warning[/] {self._teacher.model} seems to ignore temperature and seed: at temperature "
                f"{self._teacher.temperature:g} all draws are the same text for each of {prompts} prompts, so more draws bring nothing new"
            )

    def ask(self, requests: Sequence[Request], what: str = "answers") -> Iterator[Answer]:
        """All answers in the order of the requests, each read from the cache once, when its turn comes, after every one of them is there.

        Errors: BudgetSpent before the budget could be passed; StageFailed; Stopped. Answers paid for are kept in every case.
        """
        keys, missing = list[str](), dict[str, Order]()
        for request in requests:
            question = asked(self._teacher, request)
            keys.append(key := cache_key(question))
            if key not in missing and not self._cache.has(key):
                missing[key] = Order(key, request, question)
        if missing:
            self._fetch(list(missing.values()), what)
        self._ledger.use(keys)
        return map(self._answer, requests, keys)

    def _answer(self, request: Request, key: str) -> Answer:
        kept = self._cache.find(key)
        assert kept is not None, f"asked but not kept: {key}"
        answer = Answer(request, kept.completion, kept.reasoning, key not in self._paid, kept.estimated)
        self._repeats.saw(request, answer.thinking)
        return answer

    def _fetch(self, items: list[Order], what: str) -> None:
        if not self._base_url:
            self._base_url = self._open.enter_context(self._teacher.serving(self._work))
        with self._work.progress(what, len(items)) as bar:
            self._paid |= asyncio.run(Fetch(self._desk, items, bar).run(self._base_url))


class Repeats:
    """Watches whether repeated draws of a prompt differ at all."""

    def __init__(self) -> None:
        self._texts: dict[tuple[Message, ...], dict[int, int]] = {}

    def saw(self, request: Request, text: str) -> None:
        self._texts.setdefault(request.messages, {})[request.draw] = hash(text)

    def ignored(self) -> int:
        """The number of prompts drawn twice or more, if there are at least three and none of them got two different texts; else 0."""
        repeated = [texts for texts in self._texts.values() if len(texts) > 1]
        return len(repeated) if len(repeated) >= 3 and all(len(set(texts.values())) == 1 for texts in repeated) else 0


@dataclass
class Calls:
    """Counts over answers, for a stage's facts. `usd` is what they cost when they were bought; what a stage paid is in the book alone."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    truncated: int = 0
    refused: int = 0
    estimated_usage: int = 0

    def add(self, answer: Answer) -> None:
        usage, finish = answer.completion.usage, ending(answer.completion.finish_reason)
        self.requests += 1
        self.cached += answer.cached
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.usd += usage.usd
        self.truncated += finish == "length"
        self.refused += finish == "refused"
        self.estimated_usage += answer.estimated

    def facts(self) -> dict[str, float]:
        return {**asdict(self), "tokens": self.prompt_tokens + self.completion_tokens, "usd": round(self.usd, 6)}
