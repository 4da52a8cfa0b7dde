"""The problems of files with labelled steps or people's thoughts, whose questions and answers stand in fields of their own."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from o1exp.records.labelled import FORMS, Labelled, labelled
from o1exp.records.rows import Row
from o1exp.sources.gold import solved_answer


def thoughts(path: Path) -> Iterator[Row]:
    """The problems of a text file of thoughts."""
    return (_row(found, Row(found.place, {})) for found in labelled(path))


def plain(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of a form with labelled steps with plain fields `problem`, `answer` and `solution` beside their own; other rows as they are."""
    for row in rows:
        read = next((read for name, (fits, read) in FORMS.items() if name != "think_aloud" and row.values and fits(row.values)), None)
        try:
            yield row if read is None else _row(read(row.values, row.place), row)
        except (ValueError, TypeError, KeyError, AttributeError) as wrong:
            yield Row(row.place, {}, f"has labelled steps that cannot be read: {wrong}")


def _row(found: Labelled, row: Row) -> Row:
    if not found.question:
        return Row(found.place, {}, found.missing[-1] if found.missing else "has no question")
    ended = [step.text for step in found.steps if step.ends]  # labelled as right: then the answer in it is the gold answer
    answer = found.answer or (solved_answer(ended[0]) if ended else "")
    return Row(found.place, {**row.values, "problem": found.question, "answer": answer, "solution": found.solution})
