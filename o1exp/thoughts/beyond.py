"""Problems that a teacher could never answer, found before anything runs."""

from collections.abc import Callable, Iterator

from o1exp.chat.teacher import Teacher
from o1exp.flow import Stage
from o1exp.records import Problem, Table

FIRST = 20
"""Problems that are looked at before a run, where they can be."""


def beyond(teacher: Teacher, problems: Stage[Table[Problem]], text: Callable[[Problem], str]) -> Iterator[str]:
    """A sentence where the teacher is unable to answer any of the first problems, each as `text` puts it to the teacher."""
    try:
        first = problems.peek(FIRST)
    except ValueError:  # said by the stage that reads them
        return
    reasons = [teacher.unable(text(problem)) for problem in first]
    if first and all(reasons):
        yield f"{reasons[0]}, and the first problem is {first[0].question[:80]!r}; choose another teacher, or thought=shortcut"
