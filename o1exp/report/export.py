"""A run as a folder to give away: configs, manifests, cards, tables, figures, answers of models, the command that makes it again."""

import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from o1exp.chat.accounts import open_book
from o1exp.flow.manifest import ARTEFACTS
from o1exp.history.arms import Arm
from o1exp.history.runs import CONFIG, PAGE, RECORD, RunRecord
from o1exp.media.figure import FORMS
from o1exp.media.text import file_name
from o1exp.report import figures, runs
from o1exp.report.compare import ResultRow, rows, side_by_side
from o1exp.report.differ import differences
from o1exp.report.effects import effects
from o1exp.report.flips import flips
from o1exp.report.ledger import shared_trainings
from o1exp.report.lengths import lengths
from o1exp.report.packed import CHECKLIST, index_of_pack
from o1exp.report.table import csv_text, effects_csv, effects_latex, latex_text, pairs_csv, values
from o1exp.report.timeline import drawn, timeline
from o1exp.report.ways import ways
from o1exp.secrets import found as secret_in
from o1exp.train.logs import CURVE, VALIDATION

REQUESTS = "requests.jsonl"
REPRODUCE = "reproduce"
RESULTS = "tables/results.json"
SWEEPS = "sweeps"
"""The folder of a sweep's own file."""


def export(run: RunRecord, folder: Path) -> list[Path]:
    """Write the pack into a new or empty folder; its files. Nothing is written where a text holds a secret.

    Errors: ValueError for a folder that holds something, a run without a result, and a text with a secret, naming the file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name a new folder")
    arms = runs.with_results([run])
    table = rows(arms, runs.choose_baseline("", [run], arms))
    texts = dict(_texts(run, arms, table))
    if index := index_of_pack(run, texts.keys()):
        texts[CHECKLIST] = index
    for name, text in texts.items():
        if why := next((why for form in (text, unescape(text), _unquoted(text)) if (why := secret_in(form))), None):
            raise ValueError(f"{name} {why}; nothing was exported. Take it out there, or run the experiment again without it")
    pictures = dict(_pictures(arms, table))
    for name, content in {**{name: text.encode("utf-8") for name, text in texts.items()}, **pictures}.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (folder / REPRODUCE).chmod(0o755)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _texts(run: RunRecord, arms: list[Arm], table: list[ResultRow]) -> Iterator[tuple[str, str]]:
    """Every text of the pack by its path."""
    for name in (RECORD, CONFIG, PAGE, "data_card.md", "data_card.html", "model_card.md", "model_card.html"):
        if (run.folder / name).is_file():
            yield name, (run.folder / name).read_text(encoding="utf-8")
    if (file := _sweep_file(run)) is not None:
        yield f"{SWEEPS}/{file.name}", file.read_text(encoding="utf-8")
    for path, place in _manifests(run, arms).items():
        yield f"manifests/{path}.json", place.read_text(encoding="utf-8")
    baseline = runs.choose_baseline("", [run], arms)
    grid = effects(arms, baseline)
    told = {
        "baseline": baseline, "rows": [values(row) for row in table], "differences": [one.plain() for one in differences(arms)],
        "flips": [one.plain() for one in flips(arms, baseline)], **({"effects": grid.plain()} if grid.main else {}),
    }  # fmt: skip
    yield RESULTS, json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    yield "tables/results.csv", csv_text(table)
    yield "tables/results.tex", latex_text(table)
    if grid.main:
        yield "tables/effects.csv", effects_csv(grid)
        yield "tables/effects.tex", effects_latex(grid)
    if pairs := side_by_side(table):
        yield "tables/contamination.csv", pairs_csv(pairs)
    for training, _ in shared_trainings(arms):
        for log in [place for name in (CURVE.name, VALIDATION.name) if (place := training.artefact.folder / name).is_file()]:
            yield f"curves/{file_name(training.artefact.path)}-{log.name}", log.read_text(encoding="utf-8")
    if answers := "".join(_requests(run, arms)):
        yield REQUESTS, answers
    yield REPRODUCE, _reproduce(run, arms)


def _sweep_file(run: RunRecord) -> Path | None:
    """The file that names the sweep; None where its command says it all, or it is gone."""
    said = dict(word[2:].split("=", 1) for word in shlex.split(run.command) if word.startswith("--config-") and "=" in word)
    file = Path(said.get("config-dir", "")) / f"{said.get('config-name', '')}.yaml"
    return file if "config-dir" in said and file.is_file() else None


def _manifests(run: RunRecord, arms: list[Arm]) -> dict[str, Path]:
    """Those of all that the results stand on, of the report and of the cards."""
    lineage = arms[0].lineage
    described = [found for path in (run.report, *run.cards.values()) if path and (found := lineage.find(path))]
    stages = {stage.path: stage for arm in arms for stage in arm.stages} | {one.path: one for one in described}
    return {path: stage.folder / "manifest.json" for path, stage in stages.items()}


def _requests(run: RunRecord, arms: list[Arm]) -> Iterator[str]:
    """The stored answers that the stages stand on, a JSON line each."""
    with open_book(run.root) as book:
        for answer in book.stored(sorted({stage.path for arm in arms for stage in arm.stages})):
            yield json.dumps(answer, ensure_ascii=False) + "\n"


def _pictures(arms: list[Arm], table: list[ResultRow]) -> Iterator[tuple[str, bytes]]:
    for form in FORMS:
        pictures = {
            "scaling": figures.scaling(arms, table, form), "curves": figures.curves(arms, form),
            "lengths": figures.histograms(lengths(arms), form), "methods": figures.methods(ways(arms), form),
            "timeline": drawn(timeline(arms), form),
        }  # fmt: skip
        yield from ((f"figures/{name}.{form}", picture) for name, picture in pictures.items() if picture)


def _reproduce(run: RunRecord, arms: list[Arm]) -> str:
    """A shell script that makes the run again from the pack, with the versions that made it, its own command, and the digests."""
    made_by: dict[str, set[str]] = {}
    for arm in arms:
        for stage in arm.stages:
            for name, value in stage.manifest.made_by.items():
                made_by.setdefault(name, set()).add(str(value))
    versions = [f"{name}: {' and '.join(sorted(found))}" for name, found in made_by.items()]
    results = [f"{name}: {ARTEFACTS}/{arm.result.path}, digest {arm.result.manifest.digest}" for arm in arms for name in arm.names]
    command = run.command or shlex.join(["o1exp", *run.overrides])
    return "\n".join([
        "#!/bin/sh", f"# Makes the run {run.name} again and compares each number with the one in this folder: equal, within, or different.",
        "# Exit code 0: none is different, 1: some are, 2: it could not be made. It takes --outputs FOLDER and --json.",
        f"# No model is asked: answers come from {REQUESTS}. Data and base models have to be where the config names them.",
        "# The run's own command, which asks models anew:", _comment(command), "# It was made by", *map(_comment, versions),
        "# The same versions on the same kind of processor give the same digests; elsewhere compare the effect:", *map(_comment, results),
        'exec python -m o1exp.report reproduce "$(dirname "$0")" "$@"', "",
    ])  # fmt: skip


def _comment(text: str) -> str:
    """What a shell passes over, also where the text has several lines."""
    return "#   " + text.replace("\n", "\n#   ")


def _unquoted(text: str) -> str:
    """A JSON text with quotation marks and backslashes as they are in what it quotes."""
    return re.sub(r'\\(["\\/])', r"\1", text)
