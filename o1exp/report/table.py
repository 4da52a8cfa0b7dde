"""The result table as plain values, for the terminal, JSON, CSV and LaTeX."""

import csv
import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.bench.comparison import AtEqualTokens, Comparison
from o1exp.bench.outcome import NAME
from o1exp.history.arms import Arm
from o1exp.media.text import csv_cell, latex, one_line
from o1exp.report.compare import ResultRow, in_words
from o1exp.report.effects import NO_EFFECTS, Effect, Effects

if TYPE_CHECKING:
    from rich.console import Group

    from o1exp.report.contamination import Seen


def summary(found: list[ResultRow], taken_apart: Effects = NO_EFFECTS) -> "Group":
    """The result table and its verdicts for the terminal: over seeds and the other settings, where a grid was taken apart."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("benchmark", no_wrap=True)
    table.add_column("arm", no_wrap=True)
    for name in (
        "problems",
        "accuracy",
        "95 % interval",
        "tokens",
        "cut off",
        "no answer",
        *_sample_columns(found),
        "trained on",
        "train CPU s",
        "difference",
        "p",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for row, last in zip(found, [*found[1:], None], strict=True):
        ends = last is not None and last.benchmark != row.benchmark
        table.add_row(*(Text(one_line(cell)) for cell in _cells(row, found)), end_section=ends)
    each = [line for row in found for line in (row.verdict, row.at_equal_tokens) if line]
    over = [f"{_on(effect, found)}{effect.verdict}" for effect in (*taken_apart.main, *taken_apart.interactions, *taken_apart.matched)]
    return Group(table, *map(Text, [*(over or each), *in_words(found)]))


def _on(effect: Effect, found: list[ResultRow]) -> str:
    """The benchmark, where there are several."""
    return f"{effect.benchmark}: " if len({row.benchmark for row in found}) > 1 else ""


def values(row: ResultRow) -> dict[str, Any]:
    """One line of the table as JSON values; nothing in it depends on the machine's speed."""
    return {
        "arm": row.arm.name, **({"also": list(row.arm.also)} if row.arm.also else {}),
        "benchmark": row.benchmark, "result": row.arm.result.path, **row.score.plain(),
        "training_tokens": row.arm.training_tokens, "training_examples": row.arm.training_examples,
        "against_baseline": comparison(row), "verdict": row.verdict, "at_equal_tokens": equal_tokens(row),
        "equal_tokens_verdict": row.at_equal_tokens,
        **({"affected": row.affected, "accuracy_without_affected": row.without} if row.affected else {}),
    }  # fmt: skip


def reported(arms: list[Arm], report: Path) -> list[ResultRow]:
    """The table of a finished report, its comparisons read back; `arms` are the report's."""
    named = {name: replace(arm, name=name, also=()) for arm in arms for name in arm.names}
    return [_row(named[line["arm"]], line) for line in json.loads((report / NAME).read_text(encoding="utf-8"))["rows"]]


def _row(arm: Arm, line: dict[str, Any]) -> ResultRow:
    against, equal = line["against_baseline"], line["at_equal_tokens"]
    return ResultRow(
        arm, line["benchmark"], arm.outcome.benchmarks[line["benchmark"]], Comparison(**against) if against else None, line["verdict"],
        AtEqualTokens(**equal) if equal else None, line["equal_tokens_verdict"],
        line.get("affected", 0), line.get("accuracy_without_affected"),
    )  # fmt: skip


def comparison(row: ResultRow) -> dict[str, Any] | None:
    if row.against is None:
        return None
    return {name: round(value, 6) if isinstance(value, float) and name not in ("p", "adjusted") else value for name, value in _plain(row)}


def equal_tokens(row: ResultRow) -> dict[str, Any] | None:
    if row.equal is None:
        return None
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(row.equal).items()}


def csv_text(found: list[ResultRow]) -> str:
    """One line per arm and benchmark, in percent and points where the header says so."""
    out = io.StringIO()
    lines = [_flat(row) for row in found]
    writer = csv.DictWriter(out, list(dict.fromkeys(name for line in lines for name in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in line.items()} for line in lines)
    return out.getvalue()


def latex_text(found: list[ResultRow]) -> str:
    """A booktabs table: accuracy with its interval, average tokens, answers cut off and without an answer in per cent, the difference to
    the baseline with its interval, and whether an arm is below it: a loss that is shown, or one that may be chance.
    """
    head = r"\begin{tabular}{llrrrrrrl}\toprule" "\n" r"Benchmark & Arm & Accuracy & Avg.\ tokens & Cut off, \% & No answer, \% & "
    head += r"Difference & $p$ & Below the baseline \\ \midrule"
    body = [
        f"{latex(row.benchmark)} & {latex(row.arm.name)} & {100 * row.score.accuracy:.1f} "
        rf"{{\small [{100 * row.score.low:.1f}, {100 * row.score.high:.1f}]}} & {row.score.tokens:.0f} & "
        rf"{_share(row.score.truncated, row)} & {_share(row.score.no_answer, row)} & {_latex_difference(row)} & {_sign(_p(row))} & "
        rf"{_below(row)} \\"
        for row in found
    ]
    return "\n".join([head, *body, r"\bottomrule\end{tabular}", ""])


def _share(count: int, row: ResultRow) -> str:
    return f"{100 * count / row.score.attempts:.1f}" if row.score.attempts else ""


def _latex_difference(row: ResultRow) -> str:
    if row.against is None:
        return ""
    return rf"{_difference(row)} {{\small [{100 * row.against.low:+.1f}, {100 * row.against.high:+.1f}]}}"


def _below(row: ResultRow) -> str:
    """Is it a regression? Nothing for a baseline."""
    if row.against is None:
        return ""
    return "no" if row.against.difference >= 0 else "shown" if row.shown else "may be chance"


def _cells(row: ResultRow, found: list[ResultRow]) -> list[str]:
    score, samples = row.score, []
    for column in _sample_columns(found):
        kind, k = column.split("@")
        samples.append(_percent((score.pass_at if kind == "pass" else score.majority_at).get(k)))
    return [
        row.benchmark, row.arm.name, f"{score.problems} x {score.samples}" if score.samples > 1 else str(score.problems),
        _percent(score.accuracy), f"{100 * score.low:.1f} to {100 * score.high:.1f}",
        f"{score.tokens:.0f}", f"{score.truncated:,}", f"{score.no_answer:,}", *samples,
        _known(row.arm.training_tokens, " tok"), _known(row.arm.training_cpu_seconds), _difference(row), _p(row),
    ]  # fmt: skip


def _sample_columns(found: list[ResultRow]) -> list[str]:
    """pass@K and maj@K for the most samples that any row has; none for single samples."""
    most = max((row.score.samples for row in found), default=1)
    return [f"pass@{most}", f"maj@{most}"] if most > 1 else []


def _flat(row: ResultRow) -> dict[str, Any]:
    line = {name: value for name, value in values(row).items() if not isinstance(value, dict | list | None)}
    line |= {f"pass_at_{k}": value for k, value in row.score.pass_at.items()}
    line |= {f"majority_at_{k}": value for k, value in row.score.majority_at.items()}
    return line | {f"against_{name}": value for name, value in (comparison(row) or {}).items()}


def _plain(row: ResultRow) -> list[tuple[str, Any]]:
    assert row.against is not None
    return list(asdict(row.against).items())


def _known(value: float | None, unit: str = "") -> str:
    return "?" if value is None else f"{value:,.0f}{unit}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _difference(row: ResultRow) -> str:
    return "" if row.against is None else f"{100 * row.against.difference:+.1f}"


def _p(row: ResultRow) -> str:
    return "" if row.against is None else _p_shown(row.against.adjusted)


def _sign(shown: str) -> str:
    """As LaTeX: in its text "<" is another letter."""
    return shown.replace("<", "$<$")


def _p_shown(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def pairs_csv(pairs: "list[Seen]") -> str:
    """One line per pair of a benchmark's problem and what matches it in the data."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(pairs[0].plain()) if pairs else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in one.plain().items()} for one in pairs)
    return out.getvalue()


def effects_csv(found: Effects) -> str:
    """One line per main effect and interaction of a grid, in shares as results.json has them."""
    out = io.StringIO()
    kinds = (("main", found.main), ("interaction", found.interactions), ("matched", found.matched))
    lines = [
        {"kind": kind, "benchmark": one.benchmark, "effect": one.name, "contexts": one.contexts, **asdict(one.contrast)}
        for kind, effects in kinds for one in effects
    ]  # fmt: skip
    writer = csv.DictWriter(out, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in line.items()} for line in lines)
    return out.getvalue()


def effects_latex(found: Effects) -> str:
    """A booktabs table of the same: points with their interval over seeds and questions, p after Holm."""
    head = r"\begin{tabular}{llrrr}\toprule" "\n" r"Benchmark & Effect & Points & Seeds $\times$ questions & $p$ \\ \midrule"
    body = [
        f"{latex(one.benchmark)} & {latex(one.name)} & {100 * c.value:+.1f} {{\\small [{100 * c.low:+.1f}, {100 * c.high:+.1f}]}} & "
        rf"{c.seeds} $\times$ {c.questions} & {_sign(_p_shown(c.adjusted))} \\"
        for one in (*found.main, *found.interactions, *found.matched) for c in [one.contrast]
    ]  # fmt: skip
    return "\n".join([head, *body, r"\bottomrule\end{tabular}", ""])
