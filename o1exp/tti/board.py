"""The leaderboard: the paper's seven works by their published sums, and any checklists beside them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from o1exp.tti.index import DIMENSIONS, PUBLISHED, SUMS, TOTAL, Standing

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {"data": "#0b6e99", "methodology": "#c2571a", "evaluation": "#3d7a3a", "open_source": "#8a4f9e"}
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


def csv_text(rows: Sequence[Standing]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["work", *DIMENSIONS, "total", "published"])
    writer.writerows([row.name, *(row.points[d] for d in DIMENSIONS), row.total, str(row.published).lower()] for row in rows)
    return out.getvalue()


def latex_text(rows: Sequence[Standing]) -> str:
    """A booktabs table; a dagger marks published sums."""
    head = " & ".join(["Work", *(f"{title} ({SUMS[d]})" for d, title in DIMENSIONS.items()), f"Total ({TOTAL})"])
    body = []
    for row in rows:
        name = tex(row.name) + (r"$^\dagger$" if row.published else "")
        body.append(f"{name} & {' & '.join(str(row.points[d]) for d in DIMENSIONS)} & {row.total} \\\\")
    foot = rf"\multicolumn{{6}}{{l}}{{\footnotesize $^\dagger$ {tex(FOOT)}}} \\"
    return "\n".join([r"\begin{tabular}{lrrrrr}\toprule", head + r" \\ \midrule", *body, r"\bottomrule", foot, r"\end{tabular}", ""])


def html_text(rows: Sequence[Standing]) -> str:
    """One page without outside references: a picture with a bar for each work, split by dimension, and the table."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("board.html.j2")
    return template.render(rows=rows, dimensions=DIMENSIONS, sums=SUMS, total=TOTAL, colours=COLOURS, foot=FOOT)


FORMATS = {".html": html_text, ".tex": latex_text, ".csv": csv_text}


def _by(row: Standing) -> str:
    return "published" if row.published else "checklist"


def tex(text: str) -> str:
    """Text as LaTeX shows it."""
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", **{sign: "\\" + sign for sign in "&%$#_{}"}}
    return "".join(signs.get(sign, sign) for sign in text)
