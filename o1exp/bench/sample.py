"""Sampling: a model answers every problem of a benchmark K times."""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from o1exp.bench.engines.engine import Embedded, Endpoint, Engine
from o1exp.bench.engines.spec import ROWS, Continuation, GenerateSpec, parse_row
from o1exp.chat.request import likely_tokens
from o1exp.flow import Above, AtLeast, Between, Checkpoint, Expect, Machine, Role, Settings, SettingsError, Stage, Work, how
from o1exp.records import Attempt, Problem, Table

QUESTION = "{question}"
EMBEDDED = Embedded()


@dataclass(frozen=True, kw_only=True)
class Sampling(Settings):
    """How answers are drawn.

    Temperature 0 is greedy. `prompt` is the user's message with {question} in it; the model's chat template is put around it.
    Text ends at the end token, before a string of `stop`, or at `max_tokens`. Each draw has random numbers of its own, made from `seed`,
    the problem's id and the draw's number: more samples or other problems beside it leave it as it is, up to rounding.
    """

    samples: Annotated[int, AtLeast(1)] = 1
    """K, the answers per problem."""
    temperature: Annotated[float, AtLeast(0)] = 0.0
    top_p: Annotated[float, Above(0), Between(0, 1)] = 1.0
    max_tokens: Annotated[int, AtLeast(1)] = 2048
    seed: int = 0
    prompt: str = QUESTION
    system: str = ""
    stop: tuple[str, ...] = ()
    think_end: str = "</think>"
    """The mark that ends a thought: tokens up to it are counted as thinking. "" for models without one."""
    min_thinking_tokens: Annotated[int, AtLeast(0)] = 0
    """Budget forcing: a model that would end its thought earlier writes `wait` and goes on; 0: never."""
    max_thinking_tokens: Annotated[int, AtLeast(0)] = 0
    """Budget forcing: a longer thought is ended by `think_end` and `force_answer`; 0: never."""
    wait: str = "Wait"
    force_answer: str = "\n\nThe final answer is "

    engine: Engine = EMBEDDED
    """Who generates: embedded (transformers in a process of its own) or an OpenAI-compatible endpoint."""
    batch_size: Annotated[int, AtLeast(0)] = how(0)
    """Rows decoded together; 0: as many as memory allows. Through rounding, another size or device may change an answer."""
    machine: Machine = how(Machine())

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if QUESTION not in self.prompt:
            yield "prompt", f"has no {QUESTION}; write it where the problem's text belongs"
        if self.temperature == 0 and self.samples > 1:
            yield "samples", "greedy decoding gives the same answer each time; use samples=1, or a temperature above 0"
        if "" in self.stop:
            yield "stop", "contains an empty string; leave it out"
        yield from self._forcing_mistakes()

    def _forcing_mistakes(self) -> Iterator[tuple[str, str]]:
        least, most = self.min_thinking_tokens, self.max_thinking_tokens
        if (least or most) and not isinstance(self.engine, Embedded):
            yield "max_thinking_tokens" if most else "min_thinking_tokens", "budget forcing needs the embedded engine; set it to 0"
        if most and not self.think_end:
            yield "max_thinking_tokens", "needs think_end, the mark that ends a thought"
        if most and least > most:
            yield "min_thinking_tokens", f"must not be above max_thinking_tokens={most}"
        if least and not self.wait:
            yield "wait", "is empty; it is what the model writes instead of ending its thought"


@dataclass(frozen=True, kw_only=True)
class Sample(Stage[Table[Attempt]], Sampling):
    """Let the model answer each problem `samples` times. Tokens count the model's output, its end token included, the prompt not.

    A killed run goes on after its last finished chunk (embedded) or answer (endpoint). Errors: ValueError where there is no problem, or
    two have the same id.
    """

    role: ClassVar[Role] = "sampling"
    does: ClassVar[str] = "the model's own answers, sampled"
    version: ClassVar[int] = 2
    runs: ClassVar[tuple[str, ...]] = ("o1exp.bench.engines.generate", "o1exp.bench.engines.remote")

    model: Stage[Checkpoint] | None
    """None for an endpoint, which is the model itself."""
    problems: Stage[Table[Problem]]

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if isinstance(self.engine, Endpoint):
            try:
                self.engine.teacher(self)
            except SettingsError as wrong:
                yield from wrong.mistakes
        elif self.model is None:
            yield "model", "the embedded engine needs a model; connect a step that makes a Checkpoint, or choose engine=endpoint"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        answers = None if rows is None else rows * self.samples
        remark = f"at most {self.max_tokens:,} tokens each"
        if not isinstance(self.engine, Endpoint):
            return Expect(rows=answers, parameters=inputs["model"].parameters, remark=remark)
        if answers is None:
            return Expect(remark=remark)
        teacher, prompt = self.engine.teacher(self), likely_tokens(self.system + self.prompt) + 150
        completion = teacher.likely_completion_tokens
        return Expect(
            rows=answers, tokens_per_row=completion, requests=answers, tokens=answers * (prompt + completion),
            usd=teacher.usd(answers * prompt, answers * completion), remark=remark,
            hours=answers / (teacher.requests_per_minute * 60 or float("inf")),
        )  # fmt: skip

    def preflight(self) -> Iterator[str]:
        if isinstance(self.engine, Endpoint):
            yield from self.engine.teacher(self).obstacles()

    def make(self, work: Work) -> None:
        problems = list(work.open(self.problems))
        _check_ids(problems)
        if isinstance(self.engine, Endpoint):
            from o1exp.bench.engines.remote import answers

            attempts = answers(self.engine, self, problems, work)
        else:
            attempts = self._embedded(work, problems)
        work.write(Attempt, attempts)
        thoughts = [found.thinking for found in attempts if found.thinking is not None]
        tokens = sum(found.tokens for found in attempts)
        work.note(
            tokens=tokens, truncated=sum(found.finish_reason == "length" for found in attempts),
            no_room=sum(found.tokens == 0 for found in attempts), with_thought=len(thoughts), thinking_tokens=sum(thoughts),
        )  # fmt: skip

    def _embedded(self, work: Work, problems: list[Problem]) -> list[Attempt]:
        spec, path = self._spec(work, problems), work.scratch / "spec.json"
        spec.save(path)
        tokens, started = 0, time.monotonic()
        with work.progress("answers", len(problems) * self.samples) as bar:

            def show(line: str) -> None:
                nonlocal tokens
                if line.startswith("{"):
                    row = json.loads(line)
                    tokens = row["tokens"]
                    bar.at(row["rows"], f"{tokens:,} tokens")

            work.run([sys.executable, "-m", "o1exp.bench.engines.generate", str(path)], show, _environment(self.machine))
        seconds = time.monotonic() - started
        rows = [parse_row(line) for line in (Path(spec.out) / ROWS).read_text().split("\n") if line]
        assert [found.row for found in rows] == list(range(len(problems) * self.samples))
        work.note(tokens_made_now=tokens, tokens_per_second=round(tokens / seconds, 1))
        return [_attempt(found, problems, self.samples) for found in rows]

    def _spec(self, work: Work, problems: list[Problem]) -> GenerateSpec:
        assert self.model is not None
        model = work.open(self.model)
        return GenerateSpec(
            model=model.source, revision=model.revision, ids=tuple(p.id for p in problems),
            prompts=tuple(self.prompt.replace(QUESTION, p.question) for p in problems), system=self.system, samples=self.samples,
            temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens, seed=self.seed, stop=self.stop,
            think_end=self.think_end, min_thinking_tokens=self.min_thinking_tokens, max_thinking_tokens=self.max_thinking_tokens,
            wait=self.wait, force_answer=self.force_answer, batch_size=self.batch_size,
            device="cuda" if self.machine.accelerator == "gpu" else "cpu", threads=self.machine.threads, out=str(work.scratch / "answers"),
        )  # fmt: skip


def _check_ids(problems: list[Problem]) -> None:
    if not problems:
        raise ValueError("the benchmark has no problems; look at its source and its filter")
    seen: set[str] = set()
    for problem in problems:
        if problem.id in seen:
            raise ValueError(f"two problems of the benchmark have the id {problem.id!r}; ids must be unique")
        seen.add(problem.id)


def _attempt(found: Continuation, problems: list[Problem], samples: int) -> Attempt:
    number, draw = divmod(found.row, samples)
    return Attempt(
        problem=problems[number].id, draw=draw, text=found.text, tokens=found.tokens, finish_reason=found.finish_reason,
        thinking=found.thinking, marks=found.marks,
    )  # fmt: skip


def _environment(machine: Machine) -> dict[str, Any]:
    # The child finds the package that runs here, installed or not.
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2])]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(machine.threads), "TOKENIZERS_PARALLELISM": "false"}
