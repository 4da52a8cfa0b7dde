"""The transparency index of a pack: the audit of its run, with evidence that lies in the pack itself."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from o1exp.history.runs import RunRecord
from o1exp.tti import questions
from o1exp.tti.audit import Dossier, audit, checklist
from o1exp.tti.checklist import NO, Checklist, ItemAnswer, written

CHECKLIST, ANSWERS = "checklist.yaml", "answers.yaml"
REMARK = "What the run's artefacts show, with evidence in this folder; what only its owner can tell is taken from the run's answers.yaml."


def index_of_pack(run: RunRecord, files: Collection[str]) -> str:
    """The checklist as YAML, for `python -m o1exp.tti score`; an item whose evidence is not among the pack's `files` is answered No.

    "" for a run without cards.
    """
    cards = {kind: place for kind, place in run.cards.items() if kind != "audit"}
    if not cards:
        return ""
    person = run.folder / ANSWERS
    said = questions.answers(person) if person.is_file() else {}
    found = checklist(audit(Dossier(root=run.root, run=run.name, cards=cards, answers=said, command=run.command)), run.name)
    own = {item: _in_pack(answer, run, files) for item, answer in found.answers.items()}
    return written(Checklist(run.name, own), (REMARK,))


def _in_pack(answer: ItemAnswer, run: RunRecord, files: Collection[str]) -> ItemAnswer:
    evidence = tuple(place for one in answer.evidence for place in _place(one, run, files))
    return replace(answer, evidence=evidence) if evidence else replace(answer, evidence=(), answer=NO)


def _place(evidence: str, run: RunRecord, files: Collection[str]) -> Iterator[str]:
    """Where the pack holds what lies in the outputs folder; links and commits stand for themselves."""
    place, mark, anchor = evidence.partition("#")
    named = {f"artefacts/{path}/README.md": f"{kind}_card.md" for kind, path in run.cards.items()}
    named |= {f"runs/{run.name}/config.yaml": "config.yaml", "requests.sqlite": "requests.jsonl"}
    if place.startswith("artefacts/") and place.endswith("/manifest.json"):
        named[place] = f"manifests/{place.removeprefix('artefacts/').removesuffix('/manifest.json')}.json"
    moved = named.get(place, "" if place.startswith(("artefacts/", "runs/")) else place)
    if moved and (moved in files or moved == place):
        yield moved + mark + anchor
