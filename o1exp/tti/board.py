"""The leaderboard: the paper's seven works by their published sums, and any checklists beside them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.media.figure import drawing, svg, tidy, with_legend
from o1exp.media.style import COLOURS, INK, templates
from o1exp.media.text import csv_cell, label, latex
from o1exp.tti.index import DIMENSIONS, PUBLISHED, SUMS, TOTAL, Standing

if TYPE_CHECKING:
    from rich.table import Table

DIMENSION_COLOURS = dict(zip(DIMENSIONS, COLOURS, strict=False))
FOOT = "Sums marked as published are those of arXiv 2411.16489, section 5, which gives no marks per item."


def ranked(others: Sequence[Standing] = ()) -> list[Standing]:
    """All works, the most points first; equal totals keep the paper's order."""
    return sorted([*PUBLISHED, *others], key=lambda standing: -standing.total)


def table(rows: Sequence[Standing]) -> "Table":
    from rich.table import Table

    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", caption=FOOT, caption_justify="left")
    found.add_column("work", no_wrap=True)
    for dimension, title in DIMENSIONS.items():
        found.add_column(f"{title} /{SUMS[dimension]}", justify="right", no_wrap=True)
    found.add_column(f"total /{TOTAL}", justify="right", no_wrap=True, style="bold")
    found.add_column("by", no_wrap=True)
    for row in rows:
        found.add_row(row.name, *(str(row.points[d]) for d in DIMENSIONS), str(row.total), _by(row))
    return found


def values(rows: Sequence[Standing]) -> list[dict[str, Any]]:
    """The same as JSON values."""
    return [{"work": row.name, "points": {**row.points, "total": row.total}, "published": row.published} for row in rows]


def csv_text(rows: Sequence[Standing]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["work", *DIMENSIONS, "total", "published"])
    writer.writerows([csv_cell(row.name), *(row.points[d] for d in DIMENSIONS), row.total, str(row.published).lower()] for row in rows)
    return out.getvalue()


def latex_text(rows: Sequence[Standing]) -> str:
    """A booktabs table; a dagger marks published sums."""
    head = " & ".join(["Work", *(f"{title} ({SUMS[d]})" for d, title in DIMENSIONS.items()), f"Total ({TOTAL})"])
    body = []
    for row in rows:
        name = latex(row.name) + (r"$^\dagger$" if row.published else "")
        body.append(f"{name} & {' & '.join(str(row.points[d]) for d in DIMENSIONS)} & {row.total} \\\\")
    foot = rf"\multicolumn{{6}}{{l}}{{\footnotesize $^\dagger$ {latex(FOOT)}}} \\"
    return "\n".join([r"\begin{tabular}{lrrrrr}\toprule", head + r" \\ \midrule", *body, r"\bottomrule", foot, r"\end{tabular}", ""])


def html_text(rows: Sequence[Standing]) -> str:
    """One page without outside references: the picture and the table."""
    from markupsafe import Markup

    template = templates(Path(__file__).parent).get_template("board.html.j2")
    return template.render(rows=rows, dimensions=DIMENSIONS, sums=SUMS, total=TOTAL, picture=Markup(picture(rows)), foot=FOOT)


def picture(rows: Sequence[Standing]) -> str:
    """A bar for each work, split by dimension, with the points of every part that has room for them."""
    with drawing(2.4, 0.4 * len(rows) + 0.8) as figure:
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            left = 0
            for dimension, title in DIMENSIONS.items():
                points, name = row.points[dimension], f"{title} ({SUMS[dimension]})"
                axes.barh(place, points, 0.7, left, color=DIMENSION_COLOURS[dimension], label=name if not place else None)
                if points >= 4:
                    axes.text(left + points / 2, place, str(points), color="white", fontsize=8.5, ha="center", va="center")
                left += points
            axes.text(left + 1, place, str(row.total), color=INK, fontsize=9, fontweight="bold", va="center")
        tidy(axes, "", f"points of {TOTAL}", "")
        axes.set_yticks(range(len(rows)), [label(row.name) for row in rows])
        for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("normal" if row.published else "bold")
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, TOTAL)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        return svg(with_legend(figure), "board")


FORMATS = {".html": html_text, ".tex": latex_text, ".csv": csv_text}


def _by(row: Standing) -> str:
    return "published" if row.published else "checklist"
