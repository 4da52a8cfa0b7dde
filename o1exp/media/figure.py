"""Figures as inline SVG in one style: text stays text, and no name in them is read as mathematics."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from o1exp.media.style import GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = ("svg", "pdf")


@contextmanager
def drawing(columns: float, height: float) -> "Iterator[Figure]":
    """A figure to draw into, `columns` panels wide and `height` inches high. All of it is drawn, and turned into SVG, in here."""
    import matplotlib
    from matplotlib.figure import Figure

    own = {"text.parse_math": False, "svg.fonttype": "none", "font.family": "sans-serif"}
    with matplotlib.rc_context(own), warnings.catch_warnings():
        # A page shows a sign with the reader's fonts; ours only measures it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Figure(figsize=(max(5.4, 3.9 * columns), height), layout="constrained")


def svg(figure: "Figure", salt: str) -> str:
    """The figure as an <svg> element; ids differ between figures, by their salt, and not between runs."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def saved(figure: "Figure", salt: str, form: str) -> bytes:
    """The figure as a file of one of the FORMS, the same bytes for the same figure."""
    if form == "svg":
        return svg(figure, salt).encode()
    out = io.BytesIO()
    figure.savefig(out, format=form, transparent=True, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return out.getvalue()


def with_legend(figure: "Figure") -> "Figure":
    """One legend for all panels, below them."""
    shown = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if shown:
        columns = max(1, int(figure.get_figwidth() * 13 / (max(map(len, shown)) + 8)))
        lines = -(-len(shown) // columns)
        figure.set_figheight(figure.get_figheight() + 0.19 * lines)
        figure.legend(shown.values(), shown.keys(), loc="outside lower left", ncols=columns, frameon=False, fontsize=9)
    return figure


def tidy(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=8.5, colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.margins(x=0.08)


def plain_ticks(axes: "Axes") -> None:
    """Numbers people read (1,000 and 0.05) on log axes, minor ones left out."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axis.set_minor_formatter(NullFormatter())
        if scale == "log":
            axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))


def short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
