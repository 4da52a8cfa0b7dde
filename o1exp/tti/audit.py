"""The audit: every item of the index answered from a run's artefacts, with a pointer for every Yes."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from o1exp.cards.card import ENTRIES, README, Card, CardEntry
from o1exp.chat.accounts import exists, open_book
from o1exp.chat.layout import NAME as LEDGER
from o1exp.flow.manifest import ARTEFACTS
from o1exp.flow.manifest import NAME as MANIFEST
from o1exp.history.lineage import Lineage
from o1exp.history.runs import CONFIG, RECORD, holding, run_folder
from o1exp.tti.checklist import NO, NOT_USED, YES, Checklist, ItemAnswer
from o1exp.tti.index import BY_ID, ITEMS
from o1exp.tti.rules import BY_ITEM, EFFORTS, Effort, Rule, Witness

SHOWN = 12
"""Manifests that a Yes points to at most; the card names the rest."""


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """Where a run's evidence lies: outputs folder, run's folder, cards ("data", "model" -> path of the artefact), a person's answers."""

    root: Path
    run: str
    cards: dict[str, str]
    answers: dict[str, ItemAnswer]
    command: str = ""

    @cached_property
    def lineage(self) -> Lineage:
        return Lineage(self.root)

    @cached_property
    def opened(self) -> dict[str, Card]:
        """The cards that are there."""
        found = {kind: self.lineage.find(path) for kind, path in self.cards.items() if kind in ("data", "model")}
        return {kind: Card.read(a.folder) for kind, a in found.items() if a is not None and (a.folder / ENTRIES).is_file()}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One item's answer; for a No, what is lacking and what would do."""

    answer: ItemAnswer
    lacking: str = ""
    remedy: str = ""
    effort: Effort = 1

    @property
    def gain(self) -> int:
        return self.answer.item.points if self.answer.answer == NO else 0


class Lacking(Exception):
    """Evidence that is not there; `remedy` and `effort` where the rule's own do not fit."""

    def __init__(self, what: str, remedy: str = "", effort: Effort | None = None) -> None:
        super().__init__(what)
        self.remedy = remedy
        self.effort = effort


def audit(dossier: Dossier) -> list[Finding]:
    """A finding for each item, in the index's order."""
    return [_finding(dossier, BY_ITEM[item.id]) for item in ITEMS]


def checklist(findings: list[Finding], name: str) -> Checklist:
    """The findings in the form that `score` and `board` read."""
    return Checklist(name, {found.answer.item.id: found.answer for found in findings})


def next_points(findings: list[Finding]) -> list[Finding]:
    """What is answered No, the cheapest remedy first, then the most points."""
    return sorted((f for f in findings if f.gain), key=lambda f: (f.effort, -f.gain))


def _finding(dossier: Dossier, rule: Rule) -> Finding:
    item = BY_ID[rule.item]
    try:
        word, evidence, note = _answered(dossier, rule)
    except Lacking as lacking:
        remedy, effort = lacking.remedy or rule.remedy, lacking.effort or rule.effort
        answer = ItemAnswer(item=item, answer=NO, note=f"{lacking}; {remedy}")
        return Finding(answer=answer, lacking=str(lacking), remedy=remedy, effort=effort)
    assert evidence, f"{item.id} is {word} without evidence"
    return Finding(answer=ItemAnswer(item=item, answer=word, evidence=tuple(dict.fromkeys(evidence)), note=note))


def _answered(dossier: Dossier, rule: Rule) -> tuple[str, list[str], str]:
    evidence, note, entries = [], "", list[CardEntry]()
    if rule.asked:
        said = dossier.answers.get(rule.item)
        if said is None or said.answer != YES:
            raise Lacking(f"nobody has answered: {rule.asked}")
        evidence, note = list(said.evidence), said.note
    if rule.card:
        card = _card(dossier, rule.card)
        entries = card.entries.get(rule.entries or rule.item, [])
        if not rule.asked:
            evidence.append(f"{ARTEFACTS}/{dossier.cards[rule.card]}/{README}#{_anchor(rule.item)}")
        if not entries and rule.item == "ablations" and (beside := _compared(dossier, card)):
            return YES, [*evidence, *beside], "the cells of a sweep in which this run stands"
        if not entries:
            return _not_used(rule, card), evidence, "the card says that it was not used"
        evidence += [place for entry in entries for place in _supported(dossier, rule, entry)][:SHOWN]
        if not rule.asked:
            note = "; ".join(f"{_named(entry)}: {entry['moving']}" for entry in entries if entry.get("moving"))
    for witness in rule.witnesses:
        evidence += _witnessed(dossier, witness, entries)
    return YES, evidence, note


def _card(dossier: Dossier, kind: str) -> Card:
    if kind not in dossier.opened:
        raise Lacking(f"there is no {kind} card", "run the same command again: it makes the card and nothing that is there already", 1)
    return dossier.opened[kind]


def _not_used(rule: Rule, card: Card) -> str:
    """A technique without a stage was not used, if something was trained at all and every stage is known."""
    trained = card.entries.get("distributions") or card.entries.get("pipeline")
    if not BY_ID[rule.item].technique or not trained:
        raise Lacking("the card has nothing on it")
    if card.gone:
        remedy = f"make it again (goal=ITS NODE), delete {ARTEFACTS}/{card.folder.parent.name}/{card.folder.name} and run again"
        raise Lacking(f"{ARTEFACTS}/{card.gone[0]} had been deleted before the card was written", remedy, 2)
    if card.unknown:
        remedy = f"let its class say so (role and does), delete {ARTEFACTS}/{card.unknown[0]} and run again"
        raise Lacking(f"nobody has said what {', '.join(card.unknown)} does", remedy, 2)
    return NOT_USED


def _compared(dossier: Dossier, card: Card) -> list[str]:
    """The sweeps whose cells hold this run's result among others."""
    ours = {entry["artefact"] for entry in card.entries.get("metrics", [])}
    found = []
    for other in holding(dossier.root, ours) if ours else ():
        results = set(other.arms.values())
        if other.name != dossier.run and ours < results and all(dossier.lineage.has(result) for result in results):
            found.append(f"runs/{other.name}/{RECORD}")
    return found


def _supported(dossier: Dossier, rule: Rule, entry: CardEntry) -> list[str]:
    """The manifests behind an entry. Errors: Lacking for an empty field, an artefact that is gone or another one than the card's."""
    if empty := [name for name in rule.needs if not _present(entry.get(name))]:
        raise Lacking(rule.lacking or f"{', '.join(empty)} of {_named(entry)} is not known".replace("_", " "))
    places = []
    for path, digest in {entry["artefact"]: entry["digest"], **entry.get("also", {})}.items():
        found = dossier.lineage.find(path)
        again = "run the same command again: it makes what is missing"
        if found is None:
            raise Lacking(f"{ARTEFACTS}/{path} has no manifest", again, 1)
        if found.manifest.digest != digest:
            raise Lacking(f"{ARTEFACTS}/{path} is not what the card describes", again, 1)
        if gone := [name for name in found.manifest.files if not (found.folder / name).is_file()]:
            raise Lacking(f"{ARTEFACTS}/{path} lacks {gone[0]}", f"delete {ARTEFACTS}/{path} and {again}", 1)
        places.append(f"{ARTEFACTS}/{path}/{MANIFEST}")
    return places


def _present(value: object) -> bool:
    return not (value is None or value is False or value in ("", [], {}))


def _named(entry: CardEntry) -> str:
    return str(next(entry[word] for word in ("benchmark", "metric", "arm", "name", "artefact") if entry.get(word)))


def _witnessed(dossier: Dossier, witness: Witness, entries: list[CardEntry]) -> list[str]:
    if witness == "ledger":
        return _ledger(dossier, {model for entry in entries for model in entry.get("models", ())})
    if witness == "commit":
        return _commits(dossier, entries)
    if witness == "command":
        if not dossier.command:
            raise Lacking(f"runs/{dossier.run}/{RECORD} names no command", "run it again", 1)
        return [f"runs/{dossier.run}/{RECORD}"]
    if not (run_folder(dossier.root, dossier.run) / CONFIG).is_file():
        raise Lacking(f"runs/{dossier.run}/{CONFIG} is gone", "run the same command again", 1)
    return [f"runs/{dossier.run}/{CONFIG}"]


def _ledger(dossier: Dossier, models: set[str]) -> list[str]:
    """The ledger must know an answered request of every model that wrote data."""
    path = dossier.root / LEDGER
    if not models:
        return []
    if not exists(dossier.root):
        raise Lacking(f"the request ledger {path.name} is gone", "keep requests.sqlite beside the artefacts; asking anew costs again", 3)
    try:
        with open_book(dossier.root) as book:
            known = {model for model, found in book.models().items() if found.answered}
    except ValueError as problem:
        raise Lacking(f"{path.name} cannot be read as a ledger ({problem})", "restore requests.sqlite", 3) from problem
    if strangers := sorted(models - known):
        raise Lacking(f"the ledger knows no answer of {', '.join(strangers)}", "keep the requests.sqlite that the data came from", 3)
    return [path.name]


def _commits(dossier: Dossier, entries: list[CardEntry]) -> list[str]:
    """The commit, or the release, that made the entries' artefacts."""
    found = []
    for entry in entries:
        artefact = dossier.lineage.get(entry["artefact"])  # it is there: its manifest was looked at before
        made_by = artefact.manifest.made_by
        commit = made_by.get("commit", "")
        if commit.endswith("-dirty"):
            clean = commit.removesuffix("-dirty")
            raise Lacking(f"{artefact.path} was made from uncommitted changes on {clean}", "commit, then make it again", 3)
        found.append(f"commit {commit}" if commit else f"o1exp {made_by['o1exp']}")
    return found


def _anchor(item: str) -> str:
    """The heading of the card that answers the item."""
    headings = {
        "distributions": "distributions-and-formats", "synthesis": "synthetic-data", "long_thoughts": "long-thoughts",
        "base_model": "base-model",
        "rl": "reinforcement-learning", "pipeline": "stages-in-sequence", "level": "benchmarks", "baselines": "benchmarks",
        "custom_metrics": "metrics", "conditions": "sampling-conditions",
    }  # fmt: skip
    return headings.get(item, item)


def stored(findings: list[Finding], run: str) -> str:
    """The findings as JSON."""
    rows = [_row(found) for found in findings]
    sums = checklist(findings, run).standing
    return json.dumps({"run": run, "points": {**sums.points, "total": sums.total}, "findings": rows}, indent=1, ensure_ascii=False) + "\n"


def _row(found: Finding) -> dict[str, object]:
    answer = found.answer
    given = {"item": answer.item.id, "answer": answer.answer, "points": answer.points, "evidence": list(answer.evidence)}
    note, effort = ("", EFFORTS[found.effort]) if found.gain else (answer.note, "")
    return {**given, "note": note, "lacking": found.lacking, "remedy": found.remedy, "effort": effort}
