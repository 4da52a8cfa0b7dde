"""Sampling through an OpenAI-compatible endpoint: cached, paced and counted by `chat`, one request for each draw."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from o1exp.bench.engines.count import positions
from o1exp.bench.engines.engine import InferenceEngine, SamplingJob
from o1exp.bench.sampling import Sampling
from o1exp.chat.endpoint import Endpoint
from o1exp.chat.local.marks import beginning
from o1exp.chat.request import MARKS, Answer, Request, likely_tokens
from o1exp.chat.teacher import Budget, PlanHints, Teacher
from o1exp.flow import Above, Between, Expect, Machine, SettingsError, Work, how
from o1exp.flow.check import settings_of
from o1exp.flow.library import transformers
from o1exp.records import Attempt
from o1exp.records.finish import ending

LIKELY_QUESTION = 150
"""Tokens of a problem that nobody has counted."""
NOTED = ("requests", "cached", "prompt_tokens", "usd", "refused", "failed", "estimated_usage")


@dataclass(frozen=True, kw_only=True)
class Remote(PlanHints, Endpoint, InferenceEngine):
    """Any OpenAI-compatible endpoint: vLLM, SGLang, a paid API. It stands for the model: the benchmark's own `model` is not made.

    Name each served model differently: answers are kept under `model`. A killed run goes on after its last answer.
    """

    needs_model: ClassVar[bool] = False
    asks: ClassVar[type[Teacher]] = Teacher
    """How `chat` asks this endpoint; a subclass that starts a server of its own names the teacher that does."""

    tokenizer: str = ""
    """A folder or hub id: counts tokens and makes token budgets possible. "" takes the server's count."""
    timeout: Annotated[float, Above(0)] = how(3600.0)
    """Seconds for one answer; long thoughts take long."""
    max_failed: Annotated[float, Between(0, 1)] = how(0.0)
    """The share of requests, from 0 to 1, that may fail for good; such an attempt has no text, so it counts as wrong."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if why := self.budget.unguarded(self):
            yield "budget", why

    def teacher(self, sampling: Sampling) -> Teacher:
        """The endpoint with this sampling, as `chat` asks it. Errors: SettingsError for sampling that no endpoint takes."""
        return self.asks(**settings_of(self.asks, sampling, self))

    def cannot(self, sampling: Sampling) -> Iterator[tuple[str, str]]:
        if sampling.forces_thinking:
            field = "max_thinking_tokens" if sampling.max_thinking_tokens else "min_thinking_tokens"
            yield field, "budget forcing needs the embedded engine; set it to 0"
        try:
            self.teacher(sampling)
        except SettingsError as wrong:
            yield from wrong.mistakes

    def expect(self, sampling: Sampling, answers: float | None, model: Expect, machine: Machine) -> Expect:
        if answers is None:
            return Expect(uncounted=True)
        teacher = self.teacher(sampling)
        if sampling.expected_tokens and not self.expected_completion_tokens:
            teacher = replace(teacher, expected_completion_tokens=sampling.expected_tokens)
        return teacher.expect(answers, likely_tokens(sampling.system + sampling.prompt) + LIKELY_QUESTION)

    def attempts(self, job: SamplingJob, work: Work) -> list[Attempt]:
        """As any engine. Errors: BudgetSpent, StageFailed, Stopped; answers that came are kept in every case."""
        from o1exp.chat.client import Calls, Client

        draws = range(job.sampling.samples)
        requests = [Request.user(prompt, draw) for prompt in job.prompts for draw in draws]
        owners = [(problem.id, draw) for problem in job.problems for draw in draws]
        (tokenizer, counted_by), calls, attempts = self.counter(job), Calls(), []
        with Client(self.asked(job, work), self.budget, work) as client:
            for (problem, draw), answer in zip(owners, client.ask(requests), strict=True):
                calls.add(answer)
                attempts.append(attempt(problem, draw, answer, tokenizer, job.sampling.think_end))
        facts = calls.facts()
        work.note(**{name: facts[name] for name in NOTED}, counted_by=counted_by)
        return attempts

    def asked(self, job: SamplingJob, work: Work) -> Teacher:
        """Who is asked for this job's answers."""
        return self.teacher(job.sampling)

    def counter(self, job: SamplingJob) -> tuple[Any, str]:
        """The tokenizer that counts, and what it is called; None where the server counts. Errors: ValueError where it cannot be loaded."""
        return _tokenizer(self.tokenizer), self.tokenizer or "the server"


def attempt(problem: str, draw: int, answer: Answer, tokenizer: Any, think_end: str) -> Attempt:
    """The answer as an attempt: the thought that the server gave apart stands before it in the marks of `think_end`.

    Tokens are those of this text, one more for an end by itself, or without a tokenizer the server's; the server's count is of no use for
    marks and thoughts.
    """
    text, said = answer.apart(*marks_of(think_end)), answer.completion.finish_reason
    finish = ending(said) or said
    if tokenizer is None:
        return Attempt(problem=problem, draw=draw, text=text, tokens=answer.completion.usage.completion_tokens, finish_reason=finish)
    prefix, count = counted(tokenizer, text)
    tokens = count + (finish == "stop")
    marks, thinking = positions(prefix, text, tokens, think_end)
    return Attempt(problem=problem, draw=draw, text=text, tokens=tokens, finish_reason=finish, thinking=thinking, marks=marks)


def marks_of(think_end: str) -> tuple[str, str]:
    """What is put round a thought that the server gave apart, so that `think_end` is found behind it."""
    begin = beginning(think_end)
    return (f"{begin}\n", f"\n{think_end}\n\n") if begin else MARKS


def counted(tokenizer: Any, text: str) -> tuple[Callable[[int], str], int]:
    """The text of the first n tokens as a function of n, and how many there are."""
    ends = [end for _, end in tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]]
    return (lambda n: text[: ends[min(n, len(ends)) - 1]] if n and ends else ""), len(ends)


def _tokenizer(name: str) -> Any:
    """A fast tokenizer, whose tokens know their place in the text; None for "". Errors: ValueError where there is none."""
    if not name:
        return None
    try:
        tokenizer = transformers("AutoTokenizer").from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as wrong:
        reason = str(wrong).strip().splitlines()[0]
        raise ValueError(
            f'engine.tokenizer={name} cannot be loaded ({reason}); give a folder or hub id, or "" for the server\'s count'
        ) from None
    if not tokenizer.is_fast:
        raise ValueError(f"engine.tokenizer={name} is no fast tokenizer, so token budgets cannot be found in its texts; use another one")
    return tokenizer
