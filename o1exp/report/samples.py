"""Sample outputs of the arms side by side, with the reflective passages marked (paper, section 1 and Part 1's table 3)."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from o1exp.history.arms import Arm, benchmarks
from o1exp.records import Score
from o1exp.records.reflection import MARKER, reflections

LONGEST = 6000
"""Characters of one output that the page shows."""

_END = r".!?\n\u3002\uff01\uff1f"
"""What ends a sentence, the Chinese signs included; a point before a digit does not."""
_SENTENCE = re.compile(rf"[^{_END}]*(?:[.!?](?=\d)[^{_END}]*)*[{_END}]*")


@dataclass(frozen=True)
class ShownAnswer:
    """One arm's first sample: its text as safe HTML; `correct` None where unscored, `cut` the characters left out."""

    arm: str
    html: Markup
    correct: bool | None
    extracted: str
    tokens: int
    truncated: bool
    cut: int


@dataclass(frozen=True)
class ShownProblem:
    """One problem with the answer of every arm that met it."""

    benchmark: str
    question: str
    gold: str
    answers: list[ShownAnswer]


def samples(arms: list[Arm], wanted: int) -> list[ShownProblem]:
    """Problems that all arms answered, drawn by a fixed seed and not picked, spread over the benchmarks."""
    by_benchmark = [_of_benchmark(arms, name, wanted) for name in benchmarks(arms)]
    turns = [group[turn] for turn in range(wanted) for group in by_benchmark if turn < len(group)]
    chosen = turns[:wanted]
    return [sample for group in by_benchmark for sample in group if sample in chosen]


def reflections_by_arm(arms: list[Arm], benchmark: str) -> dict[str, float]:
    """Mean number of reflective markers per attempt."""
    found = {}
    for arm in arms:
        texts = [attempt.text for group in arm.attempts(benchmark).values() for attempt in group] if benchmark in arm.grades else []
        if texts:
            found[arm.name] = sum(map(reflections, texts)) / len(texts)
    return found


def mark(text: str) -> Markup:
    """The text as HTML: sentences with a reflective marker stand in <mark>, the marker itself in <b>."""
    return Markup("").join(_marked(match.group()) for match in _SENTENCE.finditer(text))


def _marked(sentence: str) -> Markup:
    if not MARKER.search(sentence):
        return escape(sentence)
    body = sentence.strip()
    start = sentence.index(body)
    parts = Markup("").join(_bold(body))
    return escape(sentence[:start]) + Markup("<mark>") + parts + Markup("</mark>") + escape(sentence[start + len(body) :])


def _bold(body: str) -> Iterator[Markup]:
    at = 0
    for match in MARKER.finditer(body):
        yield escape(body[at : match.start()])
        yield Markup("<b>") + escape(match.group()) + Markup("</b>")
        at = match.end()
    yield escape(body[at:])


def _of_benchmark(arms: list[Arm], name: str, wanted: int) -> list[ShownProblem]:
    having = [arm for arm in arms if name in arm.grades]
    texts = {arm.name: arm.attempts(name) for arm in having}
    having, texts = [arm for arm in having if texts[arm.name]], {name: own for name, own in texts.items() if own}
    if not having:
        return []
    shared = set.intersection(*(set(texts[arm.name]) for arm in having))
    shown = sorted(shared) if shared else sorted(texts[having[0].name])
    chosen = random.Random(0).sample(shown, min(wanted, len(shown)))
    problems, scores = having[0].problems(name), {arm.name: arm.scores(name) for arm in having}
    found = []
    for question in chosen:
        problem = problems.get(question)
        met = [name for name, own in texts.items() if question in own]
        answers = [_answer(name, texts[name][question][0].text, scores[name][question][0]) for name in met]
        found.append(ShownProblem(name, problem.question if problem else question, problem.answer if problem else "", answers))
    return found


def _answer(arm: str, text: str, score: Score) -> ShownAnswer:
    cut = max(0, len(text) - LONGEST)
    if cut:  # the end holds the answer, so the middle goes
        text = text[: LONGEST // 2] + "\n […] \n" + text[-LONGEST // 2 :]
    return ShownAnswer(arm, mark(text), score.correct, score.extracted, score.tokens, score.truncated, cut)
