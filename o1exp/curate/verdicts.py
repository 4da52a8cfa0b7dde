"""The rules over one problem at a time."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from o1exp.answers.compare import same
from o1exp.answers.extract import extract
from o1exp.answers.kinds import Choice
from o1exp.answers.normalise import normalise
from o1exp.answers.read import read
from o1exp.curate import marks
from o1exp.curate.criteria import Criteria
from o1exp.curate.marks import options_mark, picture_mark, proof_mark
from o1exp.curate.numbers import CONSTANT, INTEGER, are_several, is_number, number_kind
from o1exp.curate.rule import RowRule
from o1exp.curate.superset import superset
from o1exp.records import Problem
from o1exp.records.language import language_of

if TYPE_CHECKING:
    from polars import Expr

_PROOF_ANSWERS = frozenset({"proof", "seeproof", "proven", "proved", "证明", "证明略", "q.e.d", "qed"})
_NO_ANSWERS = frozenset({
    "notfound", "n/a", "na", "none", "null", "nan", "unknown", "noanswer", "answernotfound", "notavailable", "seesolution", "omitted",
    "略", "见解析", "?", "-",
})  # fmt: skip
"""Answers that say there is none, without spaces and marks of text."""
_LETTER = re.compile(r"\s*\$?\s*(?:\\(?:text|textbf|textrm|mathrm|mathbf)\s*\{\s*\([A-J]\)|\(?[A-J]\)?\s*\$?\s*\Z)")
"""The letter of an option at first sight."""
_TAIL = 300
"""Letters at the end of a solution where its answer must stand, if it announces none."""
_LEVEL = re.compile(r"-?\d+(?:\.\d+)?")


def image(problem: Problem, criteria: Criteria) -> str:
    """The problem cannot be understood without a picture."""
    return picture_mark(problem.question)


def proof(problem: Problem, criteria: Criteria) -> str:
    """The problem asks for a proof."""
    return proof_mark(problem.question) or (problem.answer if _says(problem.answer) in _PROOF_ANSWERS else "")


def no_answer(problem: Problem, criteria: Criteria) -> str:
    """There is no labelled answer."""
    answer = _says(problem.answer)
    return "" if answer and answer not in _NO_ANSWERS else problem.answer or "(empty)"


@lru_cache(maxsize=100_000)
def _says(answer: str) -> str:
    return normalise(answer).lower()


def choice(problem: Problem, criteria: Criteria) -> str:
    """The question lists options, or the answer is the letter of one: `B` and the number beside it are then both right."""
    return options_mark(problem.question) or (problem.answer if is_letter(problem.answer) else "")


@lru_cache(maxsize=100_000)
def is_letter(answer: str) -> bool:
    """Whether an answer is the letter of an option, with what stands beside it or without."""
    return bool(_LETTER.match(answer)) or isinstance(next(iter(read(answer)), None), Choice)


def not_numerical(problem: Problem, criteria: Criteria) -> str:
    """The answer is not one number: integer, decimal, fraction, closed form such as 6√2, digits in a base, with unit or `x =` or not."""
    if is_number(problem.answer, criteria.number):
        return ""
    kind = number_kind(problem.answer)
    return (f"{kind}: {problem.answer}" if kind else problem.answer) or "(empty)"


def several(problem: Problem, criteria: Criteria) -> str:
    """The answer gives several values."""
    return problem.answer if are_several(problem.answer) else ""


def length(problem: Problem, criteria: Criteria) -> str:
    """The question is too short to ask something, or it or its solution is too long."""
    asked, solved = len(problem.question), len(problem.solution)
    if not criteria.shortest <= asked <= criteria.longest:
        return f"question of {asked} letters"
    return f"solution of {solved} letters" if solved > criteria.longest else ""


def language(problem: Problem, criteria: Criteria) -> str:
    """The question is written in a language that is not wanted."""
    found = language_of(problem.question)
    return "" if found in ("", *criteria.languages) else found


def difficulty(problem: Problem, criteria: Criteria) -> str:
    """The set calls the problem easier or harder than is wanted, or says nothing about it."""
    found = _LEVEL.search(problem.level)
    if found is None:
        return problem.level or "(no level)"
    low, high = criteria.easiest, criteria.hardest
    kept = (low is None or float(found[0]) >= low) and (high is None or float(found[0]) <= high)
    return "" if kept else problem.level


def origin(problem: Problem, criteria: Criteria) -> str:
    """The problem is from another set, or another part of one, than those that are wanted."""
    named = {problem.source, problem.subset} & set(criteria.origins)
    return "" if named else "/".join(filter(None, (problem.source, problem.subset))) or "(not named)"


def own_answer(problem: Problem, criteria: Criteria) -> str:
    """The solution ends in another answer than the labelled one, or breaks off before any."""
    if not (problem.solution and problem.answer):
        return ""
    found = extract(problem.solution)
    if found.text and same(problem.answer, found.text):
        return ""
    if found.method not in ("boxed", "hashes", "cue") and normalise(problem.answer) in normalise(problem.solution[-_TAIL:]):
        return ""
    return f"{problem.answer} against {found.text or '(nothing)'}"


def _pictured(criteria: Criteria) -> "Expr":
    import polars

    question = polars.col("question")
    said = question.str.contains(superset(marks.SAID.pattern)) | question.str.contains(superset(marks.BESIDE.pattern))
    embedded = question.str.contains(superset(marks.EMBEDDED.pattern)) | question.str.contains(marks.CHINESE_IMAGE_LETTER)
    return embedded | polars.when(question.str.contains_any(marks.SOME, ascii_case_insensitive=True)).then(said).otherwise(False)


def _proving(criteria: Criteria) -> "Expr":
    import polars

    question, answer = polars.col("question"), polars.col("answer")
    said = question.str.contains(superset(marks.PROVE.pattern)) | question.str.contains("证")
    return said | answer.str.contains(r"(?i)pro(?:of|ven|ved)|证明|q\.?\s*e\.?\s*d")


def _lettered(criteria: Criteria) -> "Expr":
    import polars

    question, answer = polars.col("question"), polars.col("answer")
    listed = question.str.contains(r"(?s)A\s*[).:．、：].*B\s*[).:．、：].*C\s*[).:．、：]")  # noqa: RUF001
    return listed | (~answer.str.contains(_whole(INTEGER)) & answer.str.contains(r"(?i)(?:^|[^a-z\\])[A-J](?:$|[^a-z])"))


def _unnumbered(criteria: Criteria) -> "Expr":
    import polars

    sure = f"{INTEGER}|{CONSTANT}" if criteria.number == "closed_form" else INTEGER
    return ~polars.col("answer").str.contains(_whole(sure))


def _empty(criteria: Criteria) -> "Expr":
    import polars

    answer = polars.col("answer")
    says = r"(?i)not\s*found|n\s*/?\s*a|none|null|unknown|no\s*answer|not\s*available|see|omit|略|见解析"
    return answer.str.contains(says) | ~answer.str.replace_all(r"\\[A-Za-z]+", "").str.contains(r"\w")


def _unusual(criteria: Criteria) -> "Expr":
    import polars

    return ~polars.col("answer").str.contains(_whole(INTEGER))


def _whole(pattern: str) -> str:
    r"""For a whole text; \d are the digits of ASCII, as in the Python patterns with re.ASCII."""
    return "^(?:" + pattern.replace(r"\d", "[0-9]") + ")$"


ROWS: dict[str, RowRule] = {
    "image": RowRule(image, _pictured, ("question",)), "no_answer": RowRule(no_answer, _empty, ("answer",)),
    "proof": RowRule(proof, _proving), "choice": RowRule(choice, _lettered),
    "not_numerical": RowRule(not_numerical, _unnumbered, ("answer",)), "several": RowRule(several, _unusual, ("answer",)),
    "length": RowRule(length, None, ("question", "solution")), "language": RowRule(language, None, ("question",)),
    "difficulty": RowRule(difficulty, None, ("level",)), "origin": RowRule(origin, None, ("source", "subset")),
    "own_answer": RowRule(own_answer, None, ("answer", "solution")),
}  # fmt: skip
"""In the order in which they are asked; each has a switch of its name."""
