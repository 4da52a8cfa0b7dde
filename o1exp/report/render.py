"""From gathered arms to the files of a report: the page, results.json, results.csv, results.tex."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from o1exp.bench.comparison import Contrast, p_digits
from o1exp.bench.outcome import NAME
from o1exp.history.arms import Arm, benchmarks
from o1exp.history.lineage import Artefact
from o1exp.media.style import templates
from o1exp.records.style import MARKERS
from o1exp.report import figures
from o1exp.report.alike import RULE, unlike
from o1exp.report.cases import cases
from o1exp.report.compare import ResultRow, in_words, is_baseline, side_by_side
from o1exp.report.differ import differences
from o1exp.report.doubts import doubts
from o1exp.report.dropped import filters
from o1exp.report.effects import REPLICATES, effects
from o1exp.report.flips import flips, shown_flips
from o1exp.report.inside import finished
from o1exp.report.judges import agreeing, measured_judges
from o1exp.report.ledger import Cost, bills, costs, funnels, money, usd_per_right
from o1exp.report.lengths import lengths
from o1exp.report.phases import chosen, phases
from o1exp.report.price import prices, regressions
from o1exp.report.reference import references
from o1exp.report.samples import reflections_by_arm, samples
from o1exp.report.suites import in_its_unit, oddities, suites
from o1exp.report.table import csv_text, latex_text, pairs_csv, values
from o1exp.report.timeline import drawn, timeline
from o1exp.report.trees import journeys
from o1exp.report.ways import ways
from o1exp.tti import index as transparency_index
from o1exp.tti.board import DIMENSION_COLOURS
from o1exp.tti.stage import Audited

if TYPE_CHECKING:
    from jinja2 import Environment

MORE = 20
"""Sample problems that the page holds beside those asked for, closed."""


@dataclass(frozen=True)
class PageWords:
    """What people said about the experiment; `command` makes it again. `replicates` are the axes that repeat it, such as seeds."""

    title: str
    question: str
    caveat: str
    command: str
    baseline: str
    replicates: tuple[str, ...] = REPLICATES
    failed: Mapping[str, str] = field(default_factory=dict)
    """Cells of a sweep without a result: name -> why, and how to run it again."""
    looked: tuple[str, ...] = ()
    """Sentences on how many cells or trials were looked at, of which these are some."""
    repeated: tuple[str, ...] = ()
    """Sentences on runs that were named twice, or of which a copy was named too."""
    cases: tuple[str, ...] = ()
    """The queries of the case studies, by their ids; none: they are chosen by rule."""
    judges: Mapping[str, Artefact] = field(default_factory=dict)
    """Stages in which a judge was measured, by the names the report gives them."""


def write(
    folder: Path, words: PageWords, table: list[ResultRow], arms: list[Arm], wanted_samples: int, audit: Audited | None = None
) -> None:
    """All files of a report. Everything but the page is the same, byte for byte, for the same artefacts."""
    stored = {"title": words.title, "question": words.question, "caveat": words.caveat, "baseline": words.baseline}
    collected = [way.plain() for way in ways(arms)]
    told = {
        **stored,
        "rows": [values(row) for row in table],
        "ways": collected,
        "flips": [one.plain() for one in flips(arms, words.baseline)],
    }
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")
    (folder / "results.csv").write_text(csv_text(table), encoding="utf-8")
    (folder / "results.tex").write_text(latex_text(table), encoding="utf-8")
    if pairs := side_by_side(table):
        (folder / "contamination.csv").write_text(pairs_csv(pairs), encoding="utf-8")
    (folder / "index.html").write_text(page(words, table, arms, wanted_samples, audit), encoding="utf-8")


def page(words: PageWords, table: list[ResultRow], arms: list[Arm], wanted_samples: int, audit: Audited | None = None) -> str:
    """One HTML document without any outside reference."""
    environment = pages()
    names = benchmarks(arms)
    stages, found, billed, when = costs(arms), ways(arms), bills(arms), timeline(arms)
    changed, shown = flips(arms, words.baseline), samples(arms, wanted_samples + MORE if wanted_samples else 0)
    text = environment.get_template("page.html.j2").render(
        words=words, effects=effects(arms, words.baseline, words.replicates), arms=arms,
        benchmarks=names, table=table, most_samples=max((row.score.samples for row in table), default=1),
        palette=figures.colours(arms), curves=Markup(figures.curves(arms).decode()), phases=phases(arms), chosen=chosen(arms),
        histograms=Markup(figures.histograms(lengths(arms)).decode()), scaling=Markup(figures.scaling(arms, table).decode()),
        published=figures.published(names),
        funnels=funnels(arms), filters=filters({arm.name: arm.making for arm in arms}), doubts=doubts(arms),
        costs=stages, money=money(arms), usd_per_right=usd_per_right(arms),
        cpu_seconds=sum(cost.artefact.manifest.cpu_seconds for cost in stages),
        journeys=journeys(arms), ways=found, methods=Markup(figures.methods(found).decode()), markers=list(MARKERS),
        bills=billed, prices=prices(table, arms, words.baseline, billed), regressions=regressions(table), differences=differences(arms),
        flips=changed, flipped=shown_flips(arms, changed), samples=shown[:wanted_samples], more_samples=shown[wanted_samples:],
        gone=list(dict.fromkeys(path for arm in arms for path in arm.gone)),
        reflections={name: reflections_by_arm(arms, name) for name in names}, versions=_versions(stages),
        unlike=unlike(arms), rule=RULE, pairs=side_by_side(table), affected=in_words(table),
        cases=cases(arms, words.baseline, words.cases),
        when=when, timeline=Markup(drawn(when).decode()),
        agreeing=agreeing(arms), judges=measured_judges(words.judges), suites=suites(table), references=references(table),
        audit=audit, index=transparency_index, dimension_colours=DIMENSION_COLOURS,
    )  # fmt: skip
    return finished(text)


def pages() -> "Environment":
    """The templates of this room's pages."""
    environment = templates(Path(__file__).parent)
    environment.filters |= {
        "percent": _percent, "points": _points, "count": _count, "seconds": _seconds, "p": _p, "usd": _usd, "finding": _finding,
        "moved": _moved, "tied": _tied, "in_its_unit": in_its_unit, "oddities": oddities,
    }  # fmt: skip
    environment.tests["baseline"] = is_baseline
    return environment


def _versions(stages: list[Cost]) -> list[dict[str, Any]]:
    """The distinct sets of versions that made the stages; more than one means that old artefacts were reused."""
    distinct: list[dict[str, Any]] = []
    for cost in stages:
        made_by = cost.artefact.manifest.made_by
        if made_by not in distinct:
            distinct.append(made_by)
    return distinct


def _finding(row: ResultRow) -> str:
    """The CSS class of a comparison: better or worse where it is shown, empty where no difference is."""
    if row.against is None or not row.shown:
        return ""
    return "better" if row.against.difference > 0 else "worse"


def _moved(found: Contrast) -> str:
    """The same of an effect."""
    return "" if not found.shown else "better" if found.value > 0 else "worse"


def _tied(sentence: str) -> str:
    """Set for print: no line break inside "p < 0.01", minus signs where hyphens stand for them."""
    sentence = re.sub(r"(?<=[\s(])-(?=\d)", "\N{MINUS SIGN}", sentence)
    return sentence.replace("p < ", "p\xa0<\xa0").replace("p = ", "p\xa0=\xa0")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _count(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _usd(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.01 or value == 0 else f"{value:.4f}"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else p_digits(value)
