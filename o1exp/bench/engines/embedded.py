"""The local engine: transformers in a process of its own."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from o1exp.bench.engines.engine import InferenceEngine, SamplingJob
from o1exp.bench.engines.estimate import Draws, expected
from o1exp.bench.engines.spec import ROWS, Continuation, GenerateSpec, parse_row
from o1exp.bench.sampling import Sampling
from o1exp.flow import Expect, Machine, StageFailed, Work, forks
from o1exp.flow.process import child_environment
from o1exp.records import Attempt, Problem

GENERATE = "o1exp.bench.engines.generate"


@dataclass(frozen=True, kw_only=True)
class Embedded(InferenceEngine):
    """transformers with batching and a key-value cache, on the benchmark's `model`.

    A killed run goes on after its last chunk, on a GPU after its last answer.
    """

    preloads: ClassVar[tuple[str, ...]] = (GENERATE,)

    def gpus(self, machine: Machine) -> int:
        return min(1, machine.gpus)

    def expect(self, sampling: Sampling, answers: float | None, model: Expect, machine: Machine) -> Expect:
        if model.model is None:
            return Expect(rows=answers, parameters=model.parameters)
        draws = Draws(answers or 1.0, sampling.expected_tokens or sampling.max_tokens, sampling.max_tokens)
        found = expected(model.model, draws, machine)
        if answers is None:
            return Expect(parameters=found.parameters, gpus=found.gpus, memory_gb=found.memory_gb, obstacles=found.obstacles)
        return found

    def attempts(self, job: SamplingJob, work: Work) -> list[Attempt]:
        spec, path, rows = generate_spec(job, work.scratch), work.scratch / "spec.json", len(job.problems) * job.sampling.samples
        spec.save(path)
        tokens, facts, refusals, started = 0, dict[str, Any](), list[str](), time.monotonic()
        with work.progress("answers", rows) as bar:

            def show(row: dict[str, Any]) -> None:
                nonlocal tokens
                if "refused" in row:
                    refusals.append(row["refused"])
                    return
                if "facts" in row:
                    facts.update(row["facts"])
                    return
                tokens = row["tokens"]
                bar.at(row["rows"], f"{tokens:,} tokens")

            env = {**child_environment(job.machine.threads), "TOKENIZERS_PARALLELISM": "false"}
            command = [sys.executable, "-m", GENERATE, str(path)]
            try:
                work.run(forks.through(command) if job.machine.accelerator == "cpu" else command, show, env)
            except StageFailed:
                if refusals:
                    raise StageFailed(refusals[0]) from None
                raise
        seconds = time.monotonic() - started
        found = [parse_row(line) for line in (Path(spec.out) / ROWS).read_text(encoding="utf-8").split("\n") if line]
        assert [one.row for one in found] == list(range(rows))
        work.note(tokens_made_now=tokens, tokens_per_second=round(tokens / seconds, 1), **facts)
        return [_attempt(one, job.problems, job.sampling.samples) for one in found]


def generate_spec(job: SamplingJob, scratch: Path) -> GenerateSpec:
    """What the generating process is told."""
    assert job.model is not None, "the stage refuses an embedded engine without a model"
    return GenerateSpec(
        model=job.model.source, revision=job.model.revision, ids=tuple(problem.id for problem in job.problems), prompts=tuple(job.prompts),
        sampling=job.sampling, device="cuda" if job.machine.accelerator == "gpu" else "cpu", threads=job.machine.threads,
        out=str(scratch / "answers"),
    )  # fmt: skip


def _attempt(found: Continuation, problems: tuple[Problem, ...], samples: int) -> Attempt:
    number, draw = divmod(found.row, samples)
    return Attempt(
        problem=problems[number].id, draw=draw, text=found.text, tokens=found.tokens, finish_reason=found.finish_reason,
        thinking=found.thinking, marks=found.marks,
    )  # fmt: skip
