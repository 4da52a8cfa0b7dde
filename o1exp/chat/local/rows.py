"""What is asked of a loaded model, by which rules it answers, and what each row has got so far."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor


class CannotSample(ValueError):
    """The model cannot answer as asked; the message says why and what would do."""


class NoNumber(CannotSample):
    """The model's logits are NaN or infinite; whoever catches it names the model."""

    def __init__(self) -> None:
        super().__init__(
            "its weights give logits that are no numbers (NaN or infinite), so nothing can be drawn; look at the training that made it (a "
            "loss that diverged, half precision that overflowed), or take another checkpoint"
        )


@dataclass(frozen=True, kw_only=True)
class DecodeRequest:
    """One text to be continued: prompt ids, the most tokens it may get, and uniform numbers in [0, 1), one per token, to draw with."""

    prompt: tuple[int, ...]
    limit: int
    noise: Tensor


@dataclass(frozen=True, kw_only=True)
class Forcing:
    """Budget forcing (s1, arXiv 2501.19393): a thought of `most` tokens is ended by force, one shorter than `least` is told to go on.

    `end` are the ids of the mark that ends a thought; they and then `answer` are written at `most` (0: never). A model that would end
    its thought, or its text, before `least` tokens writes `wait` instead; a mark of several tokens is taken back.
    """

    end: tuple[int, ...]
    answer: tuple[int, ...]
    wait: tuple[int, ...]
    least: int
    most: int
    closed: Callable[[Sequence[int], int], int]
    """`closed(ids, token)`: how many of the last tokens reach into a mark that this token, behind those ids, completes; 0: it does not."""


@dataclass(frozen=True, kw_only=True)
class DecodeRules:
    """How to choose and where to end. `stopped(ids, new)` looks for a stop string that was completed by one of the last `new` ids."""

    temperature: float
    top_p: float
    ends: frozenset[int]
    stopped: Callable[[list[int], int], bool]
    forcing: Forcing | None = None


@dataclass
class Decoded:
    """What one request got: ids without the end token, the number of tokens with it, and whether it ended by itself."""

    ids: list[int]
    tokens: int = 0
    ended: bool = False
    full: bool = False
    forced: deque[int] = field(default_factory=deque)
    """Tokens that are to be written whatever the model would choose."""
    answering: bool = False
    firm: int = 0
    """Tokens that are not taken back: up to the last `wait`, so that every one brings the text on."""
    stale: bool = False
    """Tokens were taken back that the model has read, so its text has to be read anew."""

    def steer(self, token: int, rules: DecodeRules) -> int:
        """The token to write where the model chose this one."""
        if self.forced:
            return self.forced.popleft()
        force = rules.forcing
        if force is None or self.answering:
            return token
        reach, ends = force.closed(self.ids, token), token in rules.ends
        if (reach or ends) and self.tokens < force.least:
            self._take_back(min(reach - 1, len(self.ids) - self.firm))
            self.forced.extend(force.wait)
            self.firm = len(self.ids) + len(force.wait)
        elif not reach and not ends and force.most and self.tokens >= force.most:
            self.forced.extend((*force.end, *force.answer))
            self.answering = True
        else:
            self.answering = reach > 0
        return self.forced.popleft() if self.forced else token

    def _take_back(self, count: int) -> None:
        if count > 0:
            del self.ids[-count:]
            self.tokens -= count
            self.stale = True

    def add(self, token: int, rules: DecodeRules, limit: int) -> None:
        self.tokens += 1
        if token in rules.ends:
            self.ended = True
        else:
            self.ids.append(token)
            self.ended = rules.stopped(self.ids, 1)
        self.full = self.tokens >= limit

    @property
    def done(self) -> bool:
        return self.ended or self.full


@dataclass(frozen=True)
class Row:
    """A request with what it has got so far."""

    request: DecodeRequest
    written: Decoded

    @property
    def text(self) -> tuple[int, ...]:
        """Prompt and answer so far."""
        return (*self.request.prompt, *self.written.ids)

    @property
    def rests(self) -> bool:
        """Is nothing to be written before its text is read anew, or at all?"""
        return self.written.done or self.written.stale

    def write(self, token: int, rules: DecodeRules) -> int:
        """Write what the model chose, or what stands for it; gives that."""
        token = self.written.steer(token, rules)
        self.written.add(token, rules, self.request.limit)
        return token
