"""Sample outputs of the arms side by side, with the reflective passages marked (paper, section 1 and Part 1's table 3)."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup, escape

from o1exp.history.arms import Arm, benchmarks
from o1exp.records import Score
from o1exp.records.reflection import MARKER, SEARCH, reflections

LONGEST = 6000
"""Characters of one output that the page shows."""

COUNTED = 200
"""Problems of a benchmark in whose answers markers are counted at most."""
_WAIT = re.compile(r"\bwait\b", re.IGNORECASE)
_END = r".!?\n\u3002\uff01\uff1f"
"""What ends a sentence, the Chinese signs included; a point before a digit does not."""
_SENTENCE = re.compile(rf"[^{_END}]*(?:[.!?](?=\d)[^{_END}]*)*[{_END}]*")


@dataclass(frozen=True)
class ShownAnswer:
    """One arm's answer: its text as safe HTML; `correct` None where unscored, `cut` the characters left out. `waits`: "wait" is in it.

    A judged answer is right where it earned more than half of its credit; `judged` is what the judge said, "" for one that was compared.
    `manner` is how it is no answer.
    """

    arm: str
    html: Markup
    correct: bool | None
    extracted: str
    tokens: int
    truncated: bool
    cut: int
    waits: bool
    judged: str = ""
    manner: str = ""
    whole: str = field(default="", repr=False, compare=False)
    """All of the text, where it is asked for beside its HTML."""

    @property
    def verdict(self) -> str:
        return "unscored" if self.correct is None else "right" if self.correct else "wrong"


@dataclass(frozen=True)
class ShownProblem:
    """One problem with the answer of every arm that met it; `key` is its name across arms, `change` what became of it ("": not told)."""

    benchmark: str
    key: str
    question: str
    gold: str
    answers: list[ShownAnswer]
    change: str = ""


def samples(arms: list[Arm], wanted: int) -> list[ShownProblem]:
    """Problems that all arms answered, drawn by a fixed seed and not picked, from each benchmark in turn."""
    drawn = {name: _drawn(arms, name, wanted) for name in benchmarks(arms)}
    turns = [(name, questions[turn]) for turn in range(wanted) for name, questions in drawn.items() if turn < len(questions)][:wanted]
    shown = {name: beside(arms, name, [question for other, question in turns if other == name]) for name in drawn}
    return [next(one for one in shown[name] if one.key == question) for name, question in turns]


def beside(
    arms: Sequence[Arm], benchmark: str, questions: Sequence[str], majority: bool = False, best: Mapping[str, bool] | None = None
) -> list[ShownProblem]:
    """These questions with an answer of each arm: its first one, or by `majority` the first that is what most of its answers are.

    `best` says of an arm whether its best answer is shown, or its worst.
    """
    having = [arm for arm in arms if benchmark in arm.grades]
    if not having or not questions:
        return []
    texts = {arm.name: arm.attempts(benchmark, questions) for arm in having}
    problems, scores = having[0].problems(benchmark), {arm.name: arm.scores(benchmark, questions) for arm in having}
    found = []
    for question in questions:
        problem, answers = problems.get(question), []
        for name, own in texts.items():
            if question in own:
                place = _typical(scores[name][question]) if majority else 0
                if best is not None and name in best:
                    place = _extreme(scores[name][question], best[name])
                text = own[question][place].text
                answers.append(replace(shown_answer(name, text, scores[name][question][place]), whole=text))
        if answers:
            found.append(
                ShownProblem(benchmark, question, problem.question if problem else question, problem.answer if problem else "", answers)
            )
    return found


def reflections_by_arm(arms: list[Arm], benchmark: str) -> dict[str, float]:
    """Mean number of reflective markers in the first answer to each problem, of as many problems as are read in a second."""
    found = {}
    for arm in arms:
        asked = arm.answered(benchmark) if benchmark in arm.grades else []
        chosen = asked if len(asked) <= COUNTED else random.Random(0).sample(asked, COUNTED)
        texts = [group[0].text for group in arm.attempts(benchmark, chosen).values()] if chosen else []
        if texts:
            found[arm.name] = sum(map(reflections, texts)) / len(texts)
    return found


def mark(text: str) -> Markup:
    """The text as HTML: sentences with a reflective marker or a simulated search stand in <mark>, what marks them in <b>."""
    return Markup("").join(_marked(match.group()) for match in _SENTENCE.finditer(text))


def _marked(sentence: str) -> Markup:
    searches = SEARCH.search(sentence) is not None
    if not (searches or MARKER.search(sentence)):
        return escape(sentence)
    body = sentence.strip()
    start = sentence.index(body)
    parts = Markup("").join(_bold(body, SEARCH if searches else MARKER))
    return (
        escape(sentence[:start])
        + Markup('<mark class="search">' if searches else "<mark>")
        + parts
        + Markup("</mark>")
        + escape(sentence[start + len(body) :])
    )


def _bold(body: str, marker: re.Pattern[str]) -> Iterator[Markup]:
    at = 0
    for match in marker.finditer(body):
        yield escape(body[at : match.start()])
        yield Markup("<b>") + escape(match.group()) + Markup("</b>")
        at = match.end()
    yield escape(body[at:])


def _drawn(arms: list[Arm], name: str, wanted: int) -> list[str]:
    """Questions that all arms with texts answered, or of the first of them where they share none."""
    asked = [questions for arm in arms if name in arm.grades and (questions := arm.answered(name))]
    if not asked:
        return []
    shared = set(asked[0]).intersection(*asked[1:])
    shown = sorted(shared) if shared else asked[0]
    return random.Random(0).sample(shown, min(wanted, len(shown)))


def _typical(scores: Sequence[Score]) -> int:
    """The place of the first answer whose verdict is that of most."""
    right = [score.credit is not None and 2 * score.credit > 1 for score in scores]
    return right.index(2 * sum(right) > len(right))


def _extreme(scores: Sequence[Score], best: bool) -> int:
    """The place of the best answer, or of the worst; the first one of several."""
    worth = [0.0 if score.credit is None else score.credit for score in scores]
    return worth.index(max(worth) if best else min(worth))


def shown_answer(arm: str, text: str, score: Score, most: int = LONGEST) -> ShownAnswer:
    """An answer as the page shows it, at most so many characters of it."""
    cut, waits = max(0, len(text) - most), _WAIT.search(text) is not None
    if cut:  # the end holds the answer, so the middle goes
        text = text[: most // 2] + "\n […] \n" + text[-most // 2 :]
    right = None if score.credit is None else 2 * score.credit > 1
    return ShownAnswer(arm, mark(text), right, score.extracted, score.tokens, score.truncated, cut, waits, _judged(score), score.manner)


def _judged(score: Score) -> str:
    if score.value is None or score.scale is None:
        return ""
    if score.label and score.scale == (0, 1):
        return score.label
    place = f"{score.value:g} on the scale from {score.scale[0]:g} to {score.scale[1]:g}"
    return f"{score.label}, {place}" if score.label else place
