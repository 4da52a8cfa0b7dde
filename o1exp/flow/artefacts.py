"""What lies in an outputs folder, and whether it is still what was made."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from o1exp.flow.errors import Damaged
from o1exp.flow.manifest import ARTEFACTS, NAME, Manifest, is_in_the_way
from o1exp.flow.source import source_of
from o1exp.flow.stage import Stage, walk
from o1exp.flow.stock import Stock
from o1exp.flow.storage import Storage
from o1exp.flow.work import Made


class Artefacts:
    """The artefacts of one outputs folder, `artefacts/<Stage>/<key>/`, and of the stores beside it. Reads only."""

    def __init__(self, root: Path, storage: Storage | None = None) -> None:
        self.root = root.resolve()
        self.storage = storage or Storage()
        self.stock = Stock(self.storage)

    def folder(self, stage: Made[Any]) -> Path:
        return self.root / ARTEFACTS / stage.kind / stage.key

    def sound(self, stage: Made[Any]) -> Manifest | None:
        """The manifest of a finished artefact, here or in a store beside, or None where there is none.

        Errors: Damaged for one here: see Manifest.load, check. Unreachable for a store that does not answer.
        """
        found = Manifest.load(self.folder(stage))
        if found is None:
            return self.stock.manifest(path_of(stage))
        found.check(self.folder(stage))
        return found

    def manifest(self, stage: Made[Any]) -> Manifest | None:
        """The manifest of a finished artefact; None where there is none, or a damaged one."""
        try:
            return self.sound(stage)
        except Damaged:
            return None

    def damage(self, stage: Made[Any]) -> str:
        """What is wrong with an artefact, "" for nothing."""
        try:
            self.sound(stage)
        except Damaged as wrong:
            return str(wrong)
        return ""

    def has(self, stage: Stage[Any]) -> bool:
        return self.manifest(stage) is not None

    def stale(self, stage: Stage[Any]) -> str:
        """Why an artefact would not be made as it is today, "" where it would.

        It has another source, an input that was made again, or lacks rows that failed (the fact `incomplete`).
        """
        known = self.manifest(stage)
        if known is None:
            return ""
        if known.source and (now := source_of(stage)) and known.source != now:
            return "made by other source"
        again = [edge for edge, inner in stage.inputs.items() if self._made_again(known.made_from.get(edge, ""), inner)]
        return f"{', '.join(again)} made again since" if again else str(known.facts.get("incomplete", ""))

    def _made_again(self, before: str, stage: Stage[Any]) -> bool:
        now = self.manifest(stage) if before else None
        return now is not None and now.digest != before

    def missing(self, goals: list[Stage[Any]], remake: bool = False) -> list[Stage[Any]]:
        """The stages that have to be made, inputs first: a finished stage hides what it stands on.

        With `remake` also the stale ones, and what stands on them: it is reused after all if they come out as they were.
        """
        outdated = self._outdated(goals) if remake else set()
        needed: dict[str, Stage[Any]] = {}

        def visit(stage: Stage[Any]) -> None:
            if stage.key not in needed and (stage.key in outdated or not self.has(stage)):
                for inner in stage.inputs.values():
                    visit(inner)
                needed[stage.key] = stage

        for goal in goals:
            visit(goal)
        return list(needed.values())

    def _outdated(self, goals: list[Stage[Any]]) -> set[str]:
        found: set[str] = set()
        for stage in walk(goals):
            if self.has(stage) and (self.stale(stage) or any(inner.key in found for inner in stage.inputs.values())):
                found.add(stage.key)
        return found


def path_of(stage: Made[Any]) -> str:
    """What names an artefact in every store: "Stage/key"."""
    return f"{stage.kind}/{stage.key}"


def changed(root: Path, seen: Callable[[], None]) -> Iterator[str]:
    """Compare every file of every artefact with its digest: a sentence for each that differs. `seen` is called after each artefact."""
    for folder in finished(root):
        try:
            manifest = Manifest.load(folder)
            if manifest is not None:
                yield from manifest.changed(folder)
        except Damaged as wrong:
            yield str(wrong)
        seen()


def finished(root: Path, kind: str = "") -> list[Path]:
    """The folders of all finished artefacts (of a kind), damaged ones too."""
    kinds = [root / ARTEFACTS / kind] if kind else _inside(root / ARTEFACTS)
    folders = (place for folder in kinds for place in _inside(folder) if place.name[0] in "0123456789abcdef")
    return [place for place in folders if os.path.exists(f"{place}/{NAME}") or is_in_the_way(place)]


def _inside(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError):
        return []
