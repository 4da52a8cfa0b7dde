"""The nouns that two or more rooms share: frozen, plain, standard library only."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One task with its gold answer.

    `answer` is the gold answer alone (e.g. "42"); `solution` is the source's own worked solution, empty where it has none. `source` is the
    set's name, `revision` the file's sha256 or the hub's commit, `row` the number of its row or line there from 1 (0: it has none).
    `subset` is what the set itself calls a part of it (olympiads), `level` its difficulty in the set's own words ("Level 5").
    """

    id: str
    question: str
    answer: str
    solution: str = ""
    source: str = ""
    revision: str = ""
    row: int = 0
    subset: str = ""
    level: str = ""

    @property
    def digest(self) -> str:
        """Of the question's text: it tells equal ids of different problem sets apart."""
        return sha256(self.question.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One supervised pair: what the student sees (`prompt`) and what it learns to write (`response`).

    `problem` is the id of the Problem it answers, `draw` counts the tries at it from 0, `origin` names who wrote the response.
    """

    problem: str
    prompt: str
    response: str
    draw: int = 0
    origin: str = ""

    @property
    def id(self) -> str:
        return f"{self.problem}#{self.draw}"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one model call cost: tokens as the server counted them, dollars by the configured prices."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            usd=self.usd + other.usd,
        )


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One answer of a model over HTTP. `finish_reason` is "stop" or "length" (cut off)."""

    text: str
    finish_reason: str
    usage: Usage
    model: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One sampled answer of a student to a benchmark problem; `tokens` counts output tokens by the student's tokenizer.

    `thinking` counts those up to the end of the thought, None where the text marks none. `marks` are the characters written after 16, 32,
    64 ... tokens, so that a token budget can be cut out of the text later.
    """

    problem: str
    draw: int
    text: str
    tokens: int
    finish_reason: str
    thinking: int | None = None
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Score:
    """One scored attempt; `scorer` names who scored it.

    An answer that can be verified is `correct` or not, None where the gold answer could not be read: unscored, not wrong. `extracted` is
    the answer found in the text ("" if none), `method` how it was found. `vote` is the number of its class among the equal answers of the
    problem: -1 where there is none to vote with, None where answers were not compared with each other. `cuts` are the verdicts on what
    stood there after 16, 32, 64 ... tokens, for those below `tokens`.

    A judged one has a `value` on the judge's `scale` (its lowest and highest value) and, where the judge names classes, a `label`;
    `correct` stays None. Without a value it is unscored. `method` says who decided: the judge, or the default of its protocol.

    `tokens`, `thinking` and `truncated` are the attempt's; `problem_digest` is the problem's. `manner` says how the text is no answer:
    empty, endless, refused, other language (`records/manner.py`).
    """

    problem: str
    draw: int
    correct: bool | None = None
    extracted: str = ""
    method: str = ""
    tokens: int = 0
    truncated: bool = False
    timed_out: bool = False
    thinking: int | None = None
    cuts: tuple[bool, ...] = ()
    vote: int | None = None
    label: str = ""
    value: float | None = None
    scale: tuple[float, float] | None = None
    scorer: str = ""
    problem_digest: str = ""
    manner: str = ""

    @property
    def credit(self) -> float | None:
        """What is averaged, in [0, 1]: 1 for right and 0 for wrong, or the value's place on its scale. None: unscored."""
        if self.correct is not None:
            return float(self.correct)
        if self.value is None or self.scale is None:
            return None
        low, high = self.scale
        assert low <= self.value <= high > low, f"{self.scorer}: {self.value} is not on the scale from {low} to {high}"
        return (self.value - low) / (high - low)

    @property
    def question(self) -> str:
        """The problem, told apart from one of the same id and another text."""
        return f"{self.problem} {self.problem_digest}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two answers to one prompt, of which the `chosen` is to be preferred."""

    problem: str
    prompt: str
    chosen: str
    rejected: str
