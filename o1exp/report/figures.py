"""The pictures of the page as inline SVG: loss against tokens, accuracy against average tokens."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from o1exp.report.arms import Arm
from o1exp.report.compare import Row
from o1exp.report.ledger import shared_trainings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from o1exp.bench.scaling import Reference

COLOURS = ("#0b6e99", "#c2571a", "#3d7a3a", "#8a4f9e", "#b0892c", "#b23a48", "#4a5d8f", "#6b705c")
"""Dark enough for text on white; told apart by readers with red-green blindness in this order."""
DASHES = ("-", "--", ":", "-.")
INK, GRID = "#333333", "#e4e4e4"


def colours(arms: list[Arm]) -> dict[str, str]:
    return {arm.name: COLOURS[i % len(COLOURS)] for i, arm in enumerate(arms)}


def curves(arms: list[Arm]) -> str:
    """Training loss per label token against tokens seen, one panel per phase; empty where nothing was trained."""
    shared = [(training, owners) for training, owners in shared_trainings(arms) if training.curve]
    phases = sorted({training.phase for training, _ in shared})
    if not phases:
        return ""
    figure = _figure(len(phases), 3.1)
    palette = colours(arms)
    for index, phase in enumerate(phases):
        axes = figure.add_subplot(1, len(phases), index + 1)
        group = [(training, owners) for training, owners in shared if training.phase == phase]
        for nth, (training, owners) in enumerate(group):
            everyone = len(owners) == len(arms) > 1
            colour = INK if everyone else palette[owners[0]]
            label = "all arms" if everyone else ", ".join(owners)
            _curve(axes, training.curve, colour, DASHES[nth % len(DASHES)], label)
        _tidy(axes, f"Phase {phase}", "tokens trained on", "loss per label token")
        axes.set_yscale("log")
        _plain_ticks(axes)
    return _svg(_with_legend(figure), "curves")


def scaling(arms: list[Arm], rows: list[Row]) -> str:
    """Accuracy against output tokens spent per question: cut-off, single and majority answers with intervals, and published points."""
    from o1exp.bench.scaling import PUBLISHED

    names = list(dict.fromkeys(row.benchmark for row in rows))
    if not names:
        return ""
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = _figure(columns if len(names) > 1 else 1.9, (3.3 if len(names) > 1 else 4.0) * lines)
    palette = colours(arms)
    for index, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, index + 1)
        for row in rows:
            if row.benchmark == name:
                _scaling_points(axes, row, palette[row.arm.name])
        for reference in PUBLISHED.get(name, ()):
            _published(axes, reference)
        axes.set_xscale("log")
        axes.set_ylim(-4, 104)
        _tidy(axes, name, "output tokens per question", "accuracy in %")
        axes.margins(x=0.12)
        _plain_ticks(axes)
    return _svg(_with_legend(figure), "scaling")


def _scaling_points(axes: "Axes", row: Row, colour: str) -> None:
    """One arm: budgets as crosses, the single answer filled, majorities hollow, one line through all."""
    points = row.score.curve
    axes.plot([p.tokens for p in points], [100 * p.accuracy for p in points], color=colour, linewidth=1, alpha=0.55, zorder=2)
    styles: dict[str, dict[str, Any]] = {
        "budget": {"fmt": "x", "markersize": 5, "markeredgewidth": 1.4},
        "single": {"fmt": "o", "markersize": 7},
        "majority": {"fmt": "s", "markersize": 5, "markerfacecolor": "white", "markeredgewidth": 1.3},
    }
    for kind, style in styles.items():
        own = [p for p in points if p.kind == kind]
        if own:
            values = [100 * p.accuracy for p in own]
            reach = [[100 * (p.accuracy - p.low) for p in own], [100 * (p.high - p.accuracy) for p in own]]
            label = row.arm.name if kind == "single" else None
            axes.errorbar(
                [p.tokens for p in own], values, yerr=reach, color=colour, capsize=2.5, elinewidth=1, label=label, zorder=3, **style
            )
    if points and points[-1].kind == "majority":
        where = (points[-1].tokens, 100 * points[-1].accuracy)
        axes.annotate(f"Maj@{points[-1].size}", where, xytext=(7, -3), textcoords="offset points", fontsize=8, color=colour)


def published(benchmarks: Sequence[str]) -> bool:
    """Is there a published point to draw for one of them?"""
    from o1exp.bench.scaling import PUBLISHED

    return any(name in PUBLISHED for name in benchmarks)


def _published(axes: "Axes", reference: "Reference") -> None:
    where = (reference.tokens, 100 * reference.accuracy)
    axes.plot(*where, marker="*", markersize=9, color=INK, linestyle="none", zorder=4)
    axes.annotate(reference.name, where, xytext=(6, 3), textcoords="offset points", fontsize=8, color=INK)


def _curve(axes: "Axes", rows: list[dict[str, Any]], colour: str, dash: str, label: str) -> None:
    tokens, losses = [row["tokens"] for row in rows], [row["loss"] for row in rows]
    axes.plot(tokens, losses, color=colour, linewidth=0.6, alpha=0.3)
    marker = "o" if len(rows) < 4 else ""  # a line of one point would not show
    axes.plot(tokens, _smooth(losses), color=colour, linewidth=1.6, linestyle=dash, marker=marker, label=label)


def _smooth(values: Sequence[float]) -> list[float]:
    """A centred mean over a thirtieth of the run."""
    reach = max(0, len(values) // 60)
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def _figure(columns: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(max(5.4, 3.9 * columns), height), layout="constrained")


def _with_legend(figure: "Figure") -> "Figure":
    """One legend for all panels, below them."""
    shown = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    columns = max(1, int(figure.get_figwidth() * 13 / (max(map(len, shown)) + 8)))
    lines = -(-len(shown) // columns)
    figure.set_figheight(figure.get_figheight() + 0.19 * lines)
    figure.legend(shown.values(), shown.keys(), loc="outside lower left", ncols=columns, frameon=False, fontsize=9)
    return figure


def _tidy(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=8.5, colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.margins(x=0.08)


def _plain_ticks(axes: "Axes") -> None:
    """Numbers people read (1,000 and 0.05) on log axes, minor ones left out."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        axis.set_minor_formatter(NullFormatter())
        if scale == "log":
            axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _svg(figure: "Figure", salt: str) -> str:
    """The figure as an <svg> element; text stays text, ids differ between figures and not between runs."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
