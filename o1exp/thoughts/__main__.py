"""`python -m o1exp.thoughts`: what markers long thoughts of a file have, and how well a judge judges steps."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal

from o1exp.flow import StageFailed
from o1exp.flow.command import answered, keeps
from o1exp.records.fields import as_text, field
from o1exp.records.rows import Row, json_rows
from o1exp.records.style import Style, style
from o1exp.thoughts.judge import Judge
from o1exp.thoughts.judge_score import PUBLISHED, JudgeScore, Weights


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one message on stderr."""
    return answered(_parser(), arguments)


def _markers(asked: argparse.Namespace) -> int:
    found = {}
    for path in asked.files:
        every = list(json_rows(path))
        if broken := [row for row in every if row.reason]:
            first = f"the first, row {broken[0].place}, is {broken[0].reason}"
            print(f"{path}: {len(broken)} of {len(every)} rows cannot be read and do not count; {first}", file=sys.stderr)
        rows = [row.values for row in every if not row.reason]
        texts = [text for name in asked.field for text in _texts(path, every, name)]
        if not (one := style(filter(None, texts))):
            columns = ", ".join(rows[0]) if rows else "no rows"
            raise ValueError(f"{path}: no row has a text in {' or '.join(asked.field)}; it has {columns}; name one with --field")
        found[str(path)] = one
    if asked.json:
        print(json.dumps({name: one.plain() for name, one in found.items()}, ensure_ascii=False, indent=1))
    else:
        for path, one in found.items():
            print(f"{path}: {_in_words(one)}")
            print("  " + ", ".join(f"{name} {count:.1f}" for name, count in one.markers.items()))
    return 0


def _texts(path: Path, rows: list[Row], name: str) -> Iterator[str]:
    """What stands in a field. Errors: ValueError naming the row that holds no text."""
    for row in rows:
        try:
            yield as_text(field(row.values, name))
        except ValueError as wrong:
            raise ValueError(f"{path}, row {row.place}: {name} {wrong}; name the field with the text, as in {name}.content") from None


def _judge(asked: argparse.Namespace) -> Judge:
    from o1exp.chat.teacher import Teacher
    from o1exp.thoughts.judge import Prompted, Rollouts
    from o1exp.thoughts.reward import Reward

    if asked.judge == "reward":
        marks = {name: value.replace("\\n", "\n") for name in ("mark", "good", "bad") if (value := getattr(asked, name))}
        return Reward(weights=Weights.of(asked.model, asked.revision), gpus=asked.gpus, **marks)
    teacher = Teacher(
        model=asked.model, base_url=asked.base_url, api_key_env=asked.api_key_env, temperature=asked.temperature,
        max_tokens=asked.max_tokens, concurrency=asked.concurrency, usd_per_million_prompt=asked.usd_per_million_prompt,
        usd_per_million_completion=asked.usd_per_million_completion,
    )  # fmt: skip
    return Rollouts(teacher=teacher, draws=asked.draws) if asked.judge == "rollouts" else Prompted(teacher=teacher, show=asked.show)


def _judge_score(asked: argparse.Namespace) -> int:
    from o1exp.chat.teacher import Budget
    from o1exp.flow import Console, Store
    from o1exp.thoughts.judge_score import JudgedSteps, score

    keeps("--out", asked.out, asked.file)
    stage = JudgedSteps(judge=_judge(asked), path=str(asked.file), limit=asked.limit, budget=Budget(usd=asked.usd, study="judge_score"))
    store = Store(asked.outputs, Console(Terminal(stderr=True)))
    try:
        steps = list(store.get(stage))
    except StageFailed as failed:
        raise ValueError(str(failed)) from failed
    forms = sorted({step.form for step in steps})
    by_form = {form: score([step for step in steps if step.form == form]) for form in forms}
    if asked.json:
        found = {form: {**one.plain(), "published": dict(PUBLISHED.get(form, {}))} for form, one in by_form.items()}
        print(json.dumps({"model": asked.model, "judge": asked.judge, "file": str(asked.file), "scores": found}, indent=1))
    else:
        for form, one in by_form.items():
            print("\n".join(_score_lines(form, asked.model, one)))
    if asked.out is not None:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(asdict(step), ensure_ascii=False) + "\n" for step in steps if step.judged)
        asked.out.write_text("".join(lines), encoding="utf-8")
    return 0


def _score_lines(form: str, model: str, one: JudgeScore) -> Iterator[str]:
    """A table: the judge, and what Part 1 published beside it."""
    yield f"{form}: {one.steps} labelled steps, {one.wrong_steps} of them wrong; {one.unread} replies without a verdict"
    yield f"  {'judge':<24} {'step F1':>8} {'wrong':>7} {'right':>7}   {'error':>7} {'correct':>8} {'first-error F1':>15}"
    shown = (one.step_f1, one.f1_wrong, one.f1_right, one.error_accuracy, one.correct_accuracy, one.first_error_f1)
    cells = ["-" if value is None else f"{value:.3f}" for value in shown]
    yield f"  {model[:24]:<24} {cells[0]:>8} {cells[1]:>7} {cells[2]:>7}   {cells[3]:>7} {cells[4]:>8} {cells[5]:>15}"
    for name, value in PUBLISHED.get(form, {}).items():
        yield f"  {name:<24} {value:>8.3f}   (Part 1, its own subset)"
    yield f"  first errors: {one.erroneous} solutions with one, {one.correct} without"


def _in_words(one: Style) -> str:
    return (
        f"{one.traces} traces of {one.tokens:,.0f} tokens (words, numbers and signs; median {one.median_tokens:,.0f}, "
        f"longest {one.longest:,}), "
        f"{one.lines:,.1f} lines of {one.words_per_line:.1f} words; markers per trace:"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m o1exp.thoughts", description="Long thoughts and judges of their steps, measured.")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")
    marks = commands.add_parser("markers", help="count the markers of long thoughts in files (Part 1, Table 3)")
    marks.set_defaults(act=_markers)
    marks.add_argument("files", type=Path, nargs="+", metavar="FILE", help="JSONL or JSON")
    marks.add_argument("--field", action="append", required=True, metavar="F", help="the thought's text; may be given several times")
    marks.add_argument("--json", action="store_true", help="print one JSON object instead")
    scored = commands.add_parser("judge_score", help="how well a judge judges labelled steps, beside Part 1's published numbers")
    scored.set_defaults(act=_judge_score)
    scored.add_argument("file", type=Path, metavar="FILE", help="rows of PRM800K, MR-GSM8K or ProcessBench")
    scored.add_argument("--model", required=True, metavar="NAME", help="the judge, who continues for rollouts, or a reward model")
    scored.add_argument("--base-url", default="", metavar="URL", help="its address with the version (OpenAI's)")
    scored.add_argument("--api-key-env", default="OPENAI_API_KEY", metavar="VARIABLE", help="where the key is (OPENAI_API_KEY)")
    scored.add_argument("--judge", choices=("prompted", "rollouts", "reward"), default="prompted")
    scored.add_argument("--revision", default="", metavar="COMMIT", help="reward: of a model on the hub; a folder needs none")
    scored.add_argument("--mark", default="", help=r"reward: what stands behind each step (\n\n)")
    scored.add_argument("--good", default="", help="reward: what a causal model writes behind a good step (+)")
    scored.add_argument("--bad", default="", help="reward: and behind a bad one (-)")
    scored.add_argument("--gpus", type=int, default=0, help="reward: GPUs it gets (0: the CPU)")
    scored.add_argument("--show", choices=("nothing", "answer", "solution"), default="nothing", help="what the judge sees of the gold")
    scored.add_argument("--draws", type=int, default=4, help="rollouts: continuations from each step (4)")
    scored.add_argument("--temperature", type=float, default=1.0, help="1: many reasoning models take no other")
    scored.add_argument("--max-tokens", type=int, default=4096)
    scored.add_argument("--concurrency", type=int, default=16)
    scored.add_argument("--limit", type=int, metavar="N", help="the first n rows alone")
    scored.add_argument("--usd", type=float, help="stop before this is spent; needs the prices")
    scored.add_argument("--usd-per-million-prompt", type=float, default=0.0, metavar="USD")
    scored.add_argument("--usd-per-million-completion", type=float, default=0.0, metavar="USD")
    scored.add_argument("--outputs", type=Path, default=Path("outputs"), help="the outputs folder, with the request cache (outputs)")
    scored.add_argument("--json", action="store_true", help="print one JSON object instead")
    scored.add_argument("--out", type=Path, metavar="FILE", help="write each judged step as JSONL")
    return parser


if __name__ == "__main__":
    sys.exit(main())
