"""The pictures of the page, as inline SVG or files: training curves against tokens, accuracy against average tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from o1exp.history.arms import Arm
from o1exp.media.figure import drawing, plain_ticks, saved, tidy, with_legend
from o1exp.media.style import COLOURS, INK, colour
from o1exp.media.text import label, labels
from o1exp.published.papers import PaperFigure, points_of
from o1exp.report.compare import ResultRow
from o1exp.report.ledger import shared_trainings
from o1exp.report.lengths import Lengths
from o1exp.report.ways import Way

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from o1exp.history.trained import TrainedPhase
    from o1exp.train.logs import CurveRow, ValidationRow

DASHES = ("-", "--", ":", "-.")
HELD_OUT: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1, "marker": "o", "markersize": 5, "markerfacecolor": "white"}
MEASURES = {
    ("loss", False): "loss per label token", ("loss", True): "loss per pair",
    ("accuracy", False): "token accuracy in %", ("accuracy", True): "pairs with a positive margin in %",
}  # fmt: skip
"""What a measure is called, for documents and for pairs."""
MOST_HISTOGRAMS = 6


def colours(arms: list[Arm]) -> dict[str, str]:
    return {arm.name: colour(i) for i, arm in enumerate(arms)}


def curves(arms: list[Arm], form: str = "svg") -> bytes:
    """Loss and accuracy against tokens seen, in training and on held-out problems, a column per phase; empty where nothing was trained."""
    panels: dict[str, list[tuple[TrainedPhase, tuple[str, ...]]]] = {}
    for training, owners in shared_trainings(arms):
        if training.logs.curve:
            panels.setdefault(training.label, []).append((training, owners))
    if not panels:
        return b""
    measures = ("loss", "accuracy") if any(_has(group, "accuracy") for group in panels.values()) else ("loss",)
    with drawing(len(panels), 3.1 * len(measures)) as figure:
        for line, measure in enumerate(measures):
            for column, (title, group) in enumerate(panels.items(), 1):
                if _has(group, measure):
                    axes = figure.add_subplot(len(measures), len(panels), line * len(panels) + column)
                    _curve_panel(axes, title, group, measure, arms)
        return saved(with_legend(figure), "curves", form)


def _has(group: "list[tuple[TrainedPhase, tuple[str, ...]]]", measure: str) -> bool:
    return any(_series(training.logs.curve[:1], measure) for training, _ in group)


def _curve_panel(axes: "Axes", title: str, group: "list[tuple[TrainedPhase, tuple[str, ...]]]", measure: str, arms: list[Arm]) -> None:
    palette, called = colours(arms), labels(arm.name for arm in arms)
    for nth, (training, owners) in enumerate(group):
        everyone = len(owners) == len(arms) > 1
        colour = INK if everyone else palette[owners[0]]
        name = "all arms" if everyone else label(", ".join(called[owner] for owner in owners))
        if series := _series(training.logs.curve, measure):
            _curve(axes, series, colour, DASHES[nth % len(DASHES)], name)
        if held := _series(training.logs.validation, measure):
            axes.plot(*zip(*held, strict=True), color=colour, **HELD_OUT)
    if any(training.logs.validation for training, _ in group):
        axes.plot([], [], color=INK, label="held-out problems", **HELD_OUT)
    tidy(axes, title, "tokens trained on", MEASURES[measure, group[0][0].facts.pairs])
    if measure == "loss":
        axes.set_yscale("log")
    plain_ticks(axes)


def _series(rows: "Sequence[CurveRow | ValidationRow]", measure: str) -> list[tuple[float, float]]:
    """(tokens, value), accuracy in per cent; empty where it was not written down."""
    if measure == "loss":
        return [(row.tokens, row.loss) for row in rows]
    return [(row.tokens, 100 * row.accuracy) for row in rows if row.accuracy is not None]


def histograms(found: list[Lengths], form: str = "svg") -> bytes:
    """Examples by their tokens, a panel for each; empty where nothing is known."""
    if not found:
        return b""
    shown = found[:MOST_HISTOGRAMS]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    with drawing(columns, 2.6 * lines) as figure:
        for place, one in enumerate(shown, 1):
            _histogram(figure.add_subplot(lines, columns, place), one)
        return saved(with_legend(figure), "lengths", form)


def _histogram(axes: "Axes", one: Lengths) -> None:
    for bar in one.bars:
        kept, width = bar.count - bar.lost, bar.high - bar.low
        axes.bar(bar.low, kept, width, align="edge", color="#9fb0cf", edgecolor="white", label="kept whole")
        if bar.lost:
            axes.bar(bar.low, bar.lost, width, kept, align="edge", color="white", edgecolor=COLOURS[5], hatch="////", label=one.overlong)
    axes.axvline(one.cap, color=INK, linewidth=1.2, linestyle="--", label="max_length")
    if one.window is not None:
        axes.axvline(one.window, color=INK, linewidth=1.2, linestyle=":", label="positions of the model")
    tidy(axes, label(one.title), f"tokens (median {one.median:,}, longest {one.longest:,})", "examples")
    axes.set_xscale("log", base=2)
    plain_ticks(axes)
    ends = sorted({one.bars[0].low, one.bars[-1].high, one.cap, one.window or one.cap})
    powers = [2**power for power in range(ends[0].bit_length() - 1, ends[-1].bit_length() + 1)]
    ticks = powers[:: -(-len(powers) // 7)]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xlim(ends[0] / 1.2, ends[-1] * 1.2)
    axes.set_ylim(top=1.08 * max(bar.count for bar in one.bars))


def scaling(arms: list[Arm], rows: list[ResultRow], form: str = "svg") -> bytes:
    """Accuracy against output tokens spent per question: cut-off, single and majority answers with intervals, and published points."""
    names = list(dict.fromkeys(row.benchmark for row in rows))
    if not names:
        return b""
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    palette, called = colours(arms), labels(arm.name for arm in arms)
    with drawing(columns if len(names) > 1 else 1.9, (3.3 if len(names) > 1 else 4.0) * lines) as figure:
        for index, name in enumerate(names):
            axes = figure.add_subplot(lines, columns, index + 1)
            for row in rows:
                if row.benchmark == name:
                    _scaling_points(axes, row, palette[row.arm.name], called[row.arm.name])
            for reference in points_of(name):
                _published(axes, reference)
            axes.set_xscale("log")
            axes.set_ylim(-4, 104)
            tidy(axes, label(name), "output tokens per question", "accuracy in %")
            axes.margins(x=0.12)
            plain_ticks(axes)
        return saved(with_legend(figure), "scaling", form)


def _scaling_points(axes: "Axes", row: ResultRow, colour: str, name: str) -> None:
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
            known = name if kind == "single" else None
            axes.errorbar(
                [p.tokens for p in own], values, yerr=reach, color=colour, capsize=2.5, elinewidth=1, label=known, zorder=3, **style
            )
    if points and points[-1].kind == "majority":
        where = (points[-1].tokens, 100 * points[-1].accuracy)
        axes.annotate(f"Maj@{points[-1].size}", where, xytext=(7, -3), textcoords="offset points", fontsize=8, color=colour)


def methods(found: list[Way], form: str = "svg") -> bytes:
    """Cost against yield of the ways to long thoughts; empty where there are not two of them to compare."""
    known = [way for way in found if way.share is not None]
    if len(known) < 2:
        return b""
    paid = any(way.usd_each for way in known)
    costs = [way.usd_each if paid else way.tokens_each for way in known]
    called = labels(", ".join(way.arms) for way in known)
    with drawing(1.9, 3.8) as figure:
        axes = figure.add_subplot()
        for nth, (way, cost) in enumerate(zip(known, costs, strict=True)):
            name = called[", ".join(way.arms)]
            axes.plot(cost, 100 * (way.share or 0), "o", markersize=9, color=COLOURS[nth % len(COLOURS)], label=name)
        least = min((cost for cost in costs if cost), default=1.0)
        cost_of = "US$ per accepted example" if paid else "teacher tokens per accepted example"
        tidy(axes, "", cost_of, "problems with an accepted example in %")
        axes.set_xscale("symlog", linthresh=least / 2)
        axes.set_xlim(left=-least / 8)
        axes.set_ylim(-4, 104)
        axes.margins(x=0.12)
        ticks = [0.0, *(size * 10.0**power for power in range(-7, 10) for size in (1, 2, 5))]
        axes.set_xticks([tick for tick in ticks if not tick or least / 2 <= tick <= 2 * max(costs)])
        axes.minorticks_off()
        plain_ticks(axes)
        return saved(with_legend(figure), "methods", form)


def published(benchmarks: Sequence[str]) -> bool:
    """Is there a published point to draw for one of them?"""
    return any(points_of(name) for name in benchmarks)


def _published(axes: "Axes", reference: PaperFigure) -> None:
    assert reference.tokens is not None
    where = (reference.tokens, reference.value)
    axes.plot(*where, marker="*", markersize=9, color=INK, linestyle="none", zorder=4)
    axes.annotate(reference.model, where, xytext=(6, 3), textcoords="offset points", fontsize=8, color=INK)


def _curve(axes: "Axes", series: list[tuple[float, float]], colour: str, dash: str, name: str) -> None:
    tokens, values = [at for at, _ in series], [value for _, value in series]
    axes.plot(tokens, values, color=colour, linewidth=0.6, alpha=0.3)
    marker = "o" if len(series) < 4 else ""  # a line of one point would not show
    axes.plot(tokens, _smooth(values), color=colour, linewidth=1.6, linestyle=dash, marker=marker, label=name)


def _smooth(values: Sequence[float]) -> list[float]:
    """A centred mean over a thirtieth of the run."""
    reach = max(0, len(values) // 60)
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]
