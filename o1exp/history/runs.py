"""Finished runs and sweeps on disk, written and read here alone: `runs/<name>/` with run.json, config.yaml, the page and the cards."""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from o1exp.history.arms import Arm, gather
from o1exp.history.lineage import Lineage

RECORD, CONFIG, PAGE = "run.json", "config.yaml", "report.html"
FORMAT = 1
"""Of run.json; raised where an old reader would misread a new one."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One finished run, or a sweep with its cells as arms.

    `arms` are name -> "Result/<key>" below `root`, `report` is "Report/<key>" ("" for a sweep), `cards` the paths of what describes the
    run ("audit", "data", "model") as far as it was made, `stages` name -> key, `failed` the cells of a sweep without a result: name -> why,
    `choices` the option of each node of the config (`sft@think` -> "small").
    `command` makes it again. `folder` is where the record lies, `root` the outputs folder that it speaks of; neither is stored, so that a
    moved or copied outputs folder speaks of itself.
    """

    folder: Path
    root: Path
    title: str
    arms: dict[str, str]
    report: str = ""
    baseline: str = ""
    cards: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    command: str = ""
    choices: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def key(self) -> str:
        """That of the report, by which a run is known to be logged already; a sweep goes by its name."""
        return self.report.partition("/")[2] or self.name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The composed config as plain values: scalar references resolved, a reference to another part (an edge) as its text."""
        return _config(self.folder / CONFIG)

    @property
    def study(self) -> str:
        return str(self.config.get("study") or self.title or "study")

    @property
    def settings(self) -> dict[str, Any]:
        """What the run's report was asked to say; empty where it has none."""
        found = Lineage(self.root).find(self.report) if self.report else None
        return found.manifest.settings if found else {}

    @property
    def files(self) -> list[Path]:
        """The record and the cards, as they lie in the run's folder."""
        return [path for pattern in ("*.json", "*_card.*") for path in sorted(self.folder.glob(pattern))]

    def gathered(self) -> list[Arm]:
        return gather(self.root, self.arms)


def run_folder(root: Path, name: str) -> Path:
    """Where the run of this name lies below an outputs folder."""
    return root / "runs" / name


def write(record: RunRecord) -> Path:
    """Write run.json, whole or not at all; the run's folder."""
    stored = {
        "format": FORMAT, "name": record.name, "title": record.title, "arms": record.arms, "failed": record.failed,
        "baseline": record.baseline, "report": record.report, "cards": record.cards, "stages": record.stages,
        "overrides": list(record.overrides), "command": record.command,
        "choices": record.choices,
    }  # fmt: skip
    replace_text(record.folder / RECORD, json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    return record.folder


def read(folder: Path) -> RunRecord:
    """The record of a run's folder. Errors: ValueError where it is none, or one of a newer o1exp."""
    place = folder / RECORD
    try:
        stored = json.loads(place.read_text(encoding="utf-8"))
        if int(stored.get("format", 0)) > FORMAT:
            raise ValueError(f"{place} has format {stored['format']}, this o1exp reads {FORMAT} at most; use the o1exp that wrote it")
        return _record(folder, stored)
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as wrong:
        raise ValueError(f"{place} is no record of a run ({wrong!r}); run its experiment again to write it anew") from wrong


def _record(folder: Path, stored: Mapping[str, Any]) -> RunRecord:
    folder = folder.resolve()
    return RunRecord(
        folder=folder, root=folder.parents[1],  # <root>/runs/<name>/
        title=str(stored.get("title", "")), arms=_texts(stored["arms"]), report=str(stored.get("report", "")),
        baseline=str(stored.get("baseline", "")), cards=_texts(stored.get("cards", {})), stages=_texts(stored.get("stages", {})),
        failed=_texts(stored.get("failed", {})), overrides=tuple(map(str, stored.get("overrides", ()))),
        command=str(stored.get("command", "")), choices=_texts(stored.get("choices", {})),
    )  # fmt: skip


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(text) for name, text in given.items()}


def find(run: str, outputs: Path) -> RunRecord:
    """A run by its folder, its run.json or its name below `outputs`/runs. Errors: ValueError naming what was looked for."""
    asked = Path(run)
    places = [asked / RECORD, asked, run_folder(outputs, run) / RECORD]
    place = next((place for place in places if place.name == RECORD and place.is_file()), None)
    if place is None:
        looked = " nor ".join(dict.fromkeys(map(str, (places[0], places[2]))))  # of an absolute path both are one
        raise ValueError(f"no run {run!r}: there is no {looked}; {_there(asked, outputs)}")
    return read(place.parent)


NEAREST = 5
"""Runs that are named where another was not found."""


def _there(asked: Path, outputs: Path) -> str:
    """What there is instead of a run that was not found: runs in the folder that was named, or in outputs, the likeliest first."""
    inside = next((place for place in (asked / "runs", asked) if place.is_dir() and any(place.glob(f"*/{RECORD}"))), None)
    folder = inside or outputs / "runs"
    known = sorted(path.parent.name for path in folder.glob(f"*/{RECORD}"))
    if not known:
        return f"there is no run in {folder}"
    said = [str(folder / name) if inside else name for name in _nearest(asked.name, known)]
    first = "it is a folder of runs: name " if inside else "there are "
    return first + ", ".join(said) + (f" or another of the {len(known)} in {folder}" if len(known) > len(said) else "")


def _nearest(name: str, known: list[str]) -> list[str]:
    """Those that begin so, then those that are spelled alike, then the last ones in order."""
    alike = [one for one in known if one.startswith(name)] + get_close_matches(name, known, NEAREST, 0.4)
    return list(dict.fromkeys([*alike, *reversed(known)]))[:NEAREST] if len(known) > NEAREST else known


def all_of(root: Path) -> list[RunRecord]:
    """Every run and sweep of an outputs folder whose record can be read."""
    found = []
    for place in sorted((root / "runs").glob(f"*/{RECORD}")):
        try:
            found.append(read(place.parent))
        except ValueError:
            continue  # asked for by name, it is told
    return found


def holding(root: Path, paths: Collection[str]) -> list[RunRecord]:
    """Those of all runs and sweeps of an outputs folder whose record names all of these artefacts: the others are not taken apart."""
    found = []
    for place in sorted((root / "runs").glob(f"*/{RECORD}")):
        with suppress(FileNotFoundError, ValueError):
            text = place.read_text(encoding="utf-8")
            if all(path in text for path in paths):
                found.append(read(place.parent))
    return found


def replace_text(path: Path, text: str) -> None:
    """Write a file anew so that a reader, or a run that goes on after a kill, finds the old text or the new one and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    from omegaconf import OmegaConf

    loaded = OmegaConf.load(path)
    plain: dict[str, Any] = _resolved(loaded)
    return plain


def _resolved(node: Any) -> Any:
    from omegaconf import DictConfig, ListConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not isinstance(node, DictConfig | ListConfig):
        return node
    raw: Any = OmegaConf.to_container(node, resolve=False)
    found: dict[Any, Any] = {}
    for key in raw if isinstance(node, DictConfig) else range(len(raw)):
        text, value = raw[key], None
        try:
            value = node[key]
        except OmegaConfBaseException:
            value = text
        edge = isinstance(text, str) and isinstance(value, DictConfig | ListConfig)
        found[key] = text if edge else _resolved(value)
    return found if isinstance(node, DictConfig) else list(found.values())
