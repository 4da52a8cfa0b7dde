"""Several addresses, or keys, that serve the same model: requests go where the least is under way for its weight, and not to who is ill."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from o1exp.chat.batch import Batches
from o1exp.chat.cache import Kept
from o1exp.chat.endpoint import shared
from o1exp.chat.failure import Again
from o1exp.chat.request import Request
from o1exp.chat.send import Sender
from o1exp.chat.slots import backoff
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed


@dataclass
class Share:
    """One address with its part of the requests. Before `rests_until` (monotonic clock) it rests; `wrong`: why it does for good."""

    sender: Sender
    weight: float
    under_way: int = 0
    failed: int = 0
    rests_until: float = 0.0
    wrong: StageFailed | None = None

    @property
    def load(self) -> float:
        return (self.under_way + 1) / self.weight


class Senders:
    """All addresses of a teacher, used as one."""

    def __init__(self, teacher: Teacher, base_url: str, folder: Path | None = None) -> None:
        self._shares = [Share(Sender(teacher, base_url, folder), 1.0)]
        for other in teacher.others:
            url, variable, weight = shared(other, teacher.api_key_env)
            self._shares.append(Share(Sender(replace(teacher, base_url=url, api_key_env=variable, others=()), url), weight))
        self.base_url = base_url

    @property
    def batches(self) -> Batches | None:
        return self._shares[0].sender.batches

    async def close(self) -> None:
        for share in self._shares:
            await share.sender.close()

    async def send(self, requests: Sequence[Request]) -> list[Kept]:
        """The answers of the first address that gives any. Errors: as `Sender.send`, of the last address that was tried."""
        tried = list[Share]()
        while True:
            share = self._next(tried)
            tried.append(share)
            share.under_way += 1
            try:
                kept = await share.sender.send(requests)
            except Again as again:
                if not (again.timed or again.unreachable) or len(self._shares) == 1:
                    raise
                share.failed += 1
                share.rests_until = time.monotonic() + max(again.after or 0.0, backoff(share.failed))
                if not self._left(tried):
                    raise
            except StageFailed as wrong:  # its key or its address; the others may still answer
                share.wrong = wrong
                if not self._left(tried):
                    raise
            else:
                share.failed, share.rests_until = 0, 0.0
                return kept
            finally:
                share.under_way -= 1

    def _left(self, tried: list[Share]) -> bool:
        return any(share.wrong is None and share not in tried for share in self._shares)

    def _next(self, tried: list[Share]) -> Share:
        """The one with the least under way; one that rests only where no other is left."""
        now = time.monotonic()
        usable = [share for share in self._shares if share.wrong is None and share not in tried] or self._shares
        return min(usable, key=lambda share: (share.rests_until > now, share.load))
