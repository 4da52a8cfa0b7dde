"""Artefacts left by hand, with the rooms' own writers, where making them would take a training or a model of the hub."""

from pathlib import Path
from typing import Any

from o1exp.flow.manifest import Manifest
from o1exp.records.table import ROWS, write_table
from o1exp.train.facts import PREPARED, PreparedFacts, TrainingFacts
from o1exp.train.logs import CURVE, SAMPLES, TIMING, VALIDATION, CurveRow, GreedyAnswer, OpenLogs, SamplesRow, TimingRow, ValidationRow

SAID: dict[str, dict[str, Any]] = {
    "Hub": {"role": "source", "does": "problems of a data set on the hub"}, "Local": {"role": "source", "does": "problems of a file"},
    "TreeSearch": {"role": "search", "does": "tree search with a step-level reward model", "long_thoughts": True},
    "Pretrained": {"role": "base", "does": "a pretrained model"}, "Prepare": {"role": "encoding", "does": "examples as token ids"},
    "Sft": {"role": "sft", "does": "supervised fine-tuning"}, "Dpo": {"role": "rl", "does": "direct preference optimisation"},
    "Sample": {"role": "sampling", "does": "answers, sampled"},
    "Judge": {"role": "grading", "does": "answers, judged", "judges": "response level: a judge model rates the whole response"},
}  # fmt: skip
"""What such stages say about themselves in their manifests."""

SLOW, FAST = 2.0, 0.1
"""Seconds of a step in the first half of a training, and in the second."""
HISTOGRAM = {"64": 50, "128": 30, "256": 14, "512": 5, "1024": 1}


def artefact(root: Path, stage: str, inputs: dict[str, str], settings: dict[str, Any] | None = None, **more: Any) -> str:
    """A finished artefact; its path. `rows` are the records of its table, `files` texts by name, `facts` and `how` as in a manifest,
    `said` what the stage says of itself there.
    """
    key = f"{stage.lower()}0{len(list(root.glob('artefacts/*/*')))}"
    folder = root / "artefacts" / stage / key
    folder.mkdir(parents=True)
    rows, files = more.get("rows"), dict(more.get("files", {}))
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    if rows:
        write_table(folder, type(rows[0]), rows)
        files[ROWS] = ""
    Manifest(
        stage=stage, version=1, key=key, settings=settings or {}, inputs=inputs, how=more.get("how", {}),
        facts=more.get("facts", {"rows": 1}), files=files, digest=key, started="2026-01-01T00:00:00+00:00", seconds=1.0, cpu_seconds=1.0,
        **{**SAID.get(stage, {}), **more.get("said", {})},
    ).save(folder)  # fmt: skip
    return f"{stage}/{key}"


def encoded(root: Path, data: str) -> str:
    """Token ids of 100 examples, 8 of them too long."""
    lengths = {"length_median": 60, "length_p90": 180, "length_longest": 900}
    counts = {"rows": 92, "examples": 100, "dropped": 8, "tokens_lost": 2900, "tokens": 7000, "label_tokens": 5000}
    facts = PreparedFacts.of({**counts, **lengths, "max_length": 200, "length_histogram": HISTOGRAM})
    files = {"preview.html": "<p>row 0: 3 tokens given, 5 learned</p>"}
    return artefact(root, "Prepare", {"data": data}, {"max_length": 200}, facts=facts.noted(), files=files)


def training(root: Path, stage: str, inputs: dict[str, str], steps: int, answers: dict[int, str]) -> str:
    """A training of 1000 tokens a step, with what it wrote to the rows in `answers` at its start, middle and end."""
    logs = _logs(root / "scratch" / stage, steps, answers, "chosen" if stage == "Dpo" else "plain")
    facts = TrainingFacts(
        rows=90, examples=100, dropped=8, tokens_lost=2900, steps=steps, tokens=1000 * steps, exported_step=steps, memory_mb=500 + steps,
        tokens_per_second=round(1000 * steps / (steps * (SLOW + FAST) / 2), 1), pairs=stage == "Dpo",
    )  # fmt: skip
    files = {"model/config.json": '{"max_position_embeddings": 512}', **logs}
    return artefact(root, stage, inputs, {"lr": 1e-3}, facts=facts.noted(), files=files)


def _logs(scratch: Path, steps: int, answers: dict[int, str], role: str) -> dict[str, str]:
    scratch.mkdir(parents=True, exist_ok=True)
    logs, seconds = OpenLogs(scratch, 0), 0.0
    for step in range(1, steps + 1):
        seconds += SLOW if step <= steps // 2 else FAST
        logs.curve.add(CurveRow(step=step, tokens=1000 * step, loss=3 / step, accuracy=step / steps, lr=1e-3, grad_norm=0.5))
        logs.timing.add(TimingRow(step=step, seconds=round(seconds, 3), cpu_seconds=seconds, memory_mb=500 + step))
    for step in (0, steps // 2, steps):
        logs.validation.add(ValidationRow(step=step, tokens=1000 * step, loss=3.5 - step / steps, accuracy=0.5 * step / steps))
        written = tuple(GreedyAnswer(row=row, role=role, text=f"{text} {row} at {step}") for row, text in answers.items())
        logs.samples.add(SamplesRow(step=step, tokens=1000 * step, samples=written))
    return {file.name: (scratch / file.name).read_text() for file in (CURVE, TIMING, VALIDATION, SAMPLES)}


def trained_arm(root: Path, unsafe: str = "x", steps: int = 100) -> str:
    """The result of an arm with SFT and, after it, DPO: its path."""
    from o1exp.records import Attempt, Example, Pair, Problem, Score

    problems = [Problem(id=f"p{n}", question=f"What is {n} + {n}?", answer=str(2 * n)) for n in range(12)]
    source = artefact(root, "Local", {}, {"name": "sums"}, rows=problems, facts={"rows": 12})
    examples = [Example(problem=p.id, prompt=p.question, response=f"It is \\boxed{{{p.answer}}}.") for p in problems]
    data = artefact(root, "Distil", {"problems": source}, rows=examples, facts={"rows": 12})
    pairs = artefact(
        root, "Pairs", {"examples": data}, facts={"rows": 12},
        rows=[Pair(problem=e.problem, prompt=e.prompt, chosen=e.response, rejected="no") for e in examples],
    )  # fmt: skip
    base = artefact(root, "Untrained", {}, files={"model/config.json": "{}"})
    first = training(root, "Sft", {"start": base, "data": data, PREPARED: encoded(root, data)}, steps, {0: unsafe, 2: unsafe})
    second = training(root, "Dpo", {"start": first, "pairs": pairs, PREPARED: encoded(root, pairs)}, steps // 5, {1: unsafe})
    attempts = [Attempt(problem=p.id, draw=0, text="\\boxed{0}", tokens=9, finish_reason="stop") for p in problems]
    sampled = artefact(root, "Sample", {"model": second, "problems": source}, rows=attempts)
    scores = [
        Score(problem=p.id, draw=0, correct=not n, extracted="0", method="", tokens=9, truncated=False) for n, p in enumerate(problems)
    ]
    graded = artefact(root, "Grade", {"attempts": sampled, "problems": source}, rows=scores)
    return summed_up(root, {"sums": graded}, scores)


def summed_up(root: Path, graded: dict[str, str], scores: list[Any]) -> str:
    """A Result over graded attempts, with its questions."""
    import json

    from o1exp.bench.outcome import NAME, QUESTIONS, QuestionScore
    from o1exp.bench.summary import summarised

    found = {name: summarised(name, scores) for name in graded}
    inputs = {f"scores.{name}": path for name, path in graded.items()}
    stored = {"benchmarks": {name: score.plain() for name, (score, _) in found.items()}}
    result = artefact(root, "Result", inputs, files={NAME: json.dumps(stored)})
    (root / "artefacts" / result / QUESTIONS).mkdir()
    write_table(root / "artefacts" / result / QUESTIONS, QuestionScore, [one for _, questions in found.values() for one in questions])
    return result
