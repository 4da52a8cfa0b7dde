"""What a teacher's answers go through, and what is known of them so far."""

from dataclasses import dataclass, field
from typing import Any

from o1exp.chat.cache import Cache
from o1exp.chat.ledger import Ledger
from o1exp.chat.prices import Price
from o1exp.chat.request import Request, likely_prompt_tokens, most_prompt_tokens
from o1exp.chat.sums import alike, in_words, too_many
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import StageFailed, Work
from o1exp.records import Usage

DOZEN = 12
"""So many requests that fail alike before the first answer say that none will be answered."""
HINT = "What was answered is kept; run the same command again"


@dataclass(frozen=True)
class Order:
    """A request to be answered, under its cache key."""

    key: str
    request: Request
    question: dict[str, Any]
    alone: bool = False
    """Not to be asked together with other draws."""


@dataclass
class Desk:
    """What a teacher's answers go through."""

    teacher: Teacher
    budget: Budget
    cache: Cache
    ledger: Ledger
    work: Work
    left_out: dict[str, str] = field(default_factory=dict)
    """The reason by key of each request that was given up."""
    asked: int = 0
    """Requests that the stage asked for until now."""
    answered: int = 0
    """Those of them that were answered, now or before."""

    def give_up(self, order: Order, reason: str, who: str) -> StageFailed | None:
        """The request has failed for good. Gives what ends the run, where going on is of no use."""
        self.left_out[order.key] = reason
        count = len(self.left_out)
        if count < DOZEN:
            return None
        if not self.answered and alike(self.left_out.values()):
            return StageFailed(f"{who} failed the first {count} requests alike: {reason}. {HINT}")
        return StageFailed(f"{who}: {self.failures()}. {HINT}") if too_many(count, self.asked, self.teacher.max_failed) else None

    def failures(self) -> str:
        """How many requests were given up, why, and how many may be."""
        return (
            f"{len(self.left_out)} of {self.asked} requests failed, more than max_failed={self.teacher.max_failed:g} allows: "
            f"{in_words(self.left_out.values())}"
        )

    def price(self, request: Request) -> Price:
        """The most it can cost where the server keeps to it (max_tokens, one token a byte of the prompt), and what it may be taken for."""
        teacher = self.teacher
        prompt = likely_prompt_tokens(teacher, request)
        likely = Usage(prompt_tokens=prompt, completion_tokens=teacher.max_tokens, usd=teacher.usd(prompt, teacher.max_tokens))
        most = teacher.usd(most_prompt_tokens(teacher, request), teacher.max_tokens)
        return Price(most, likely, teacher.usd(1, 0), teacher.usd(0, 1))
