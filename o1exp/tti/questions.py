"""What only a person can answer, asked in a YAML file; everything stays No until it is answered there with a link."""

from pathlib import Path

from o1exp.tti.checklist import Checklist, ChecklistError, ItemAnswer, empty, read, written
from o1exp.tti.index import BY_ID, IndexItem
from o1exp.tti.rules import BY_ITEM, RULES

ASKED: tuple[IndexItem, ...] = tuple(BY_ID[rule.item] for rule in RULES if rule.asked)
REMARKS = (
    "What no artefact can tell: is it published, and where? ItemAnswer yes with a link that others can open; all else stays no.",
    "Then: python -m o1exp.tti audit RUN --answers THIS_FILE, or o1exp ... audit.answers=THIS_FILE for the report and MLflow.",
)


def template(name: str) -> str:
    """The questions with No everywhere."""
    blank = empty(name, ASKED)
    return written(Checklist(name, {item: _asking(answer) for item, answer in blank.answers.items()}), REMARKS)


def answers(path: Path) -> dict[str, ItemAnswer]:
    """The answers in a person's file. Errors: ChecklistError with every mistake and its line."""
    found = read(path, ASKED).answers
    return {name: ItemAnswer(item=a.item, answer=a.answer, evidence=a.evidence, note="" if a.note == BY_ITEM[name].asked else a.note)
            for name, a in found.items()}  # fmt: skip


def mistake(path: Path) -> str | None:
    """What is wrong with a person's file, or None."""
    if not path.is_file():
        return f"{path} does not exist; `python -m o1exp.tti audit RUN --answers {path}` writes it with the questions"
    try:
        answers(path)
    except ChecklistError as wrong:
        return "; ".join(wrong.mistakes)
    return None


def _asking(answer: ItemAnswer) -> ItemAnswer:
    return ItemAnswer(item=answer.item, answer=answer.answer, note=BY_ITEM[answer.item.id].asked)
