"""The trace viewer: trees, walks, long thoughts and sampled answers of several runs side by side, on one static page (Part 1's tool)."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from o1exp.history.arms import Arm, benchmarks
from o1exp.records import Attempt, Problem, Score
from o1exp.records.style import pieces
from o1exp.report.figures import colours
from o1exp.report.flips import GAINED, LOST, Change, flips
from o1exp.report.inside import finished
from o1exp.report.render import pages
from o1exp.report.samples import ShownAnswer, shown_answer
from o1exp.report.thoughts import Chain, Thought, chains, posed, thoughts

TRIES = 4
"""Tries at one problem by one arm that are shown at most."""
LEAST, LONGEST, ALL = 1200, 20_000, 12_000_000
"""Characters of one text at least and at most, and of all texts together, as far as the first allows."""
Question = tuple[str, str]
"""A problem by its id and what tells equal ids of different sets apart."""


@dataclass(frozen=True)
class Trace:
    """One text with its verdict; `change` is what became of the problem against the baseline ("": not told), `note` what else is to say.

    A long thought may have its tree, its walk and the text `before` a rewrite in `thought`.
    """

    answer: ShownAnswer
    note: str = ""
    change: str = ""
    thought: Thought | None = None


@dataclass(frozen=True)
class Column:
    """What arms that share it have to a problem: `traces`, and how many `more` there are."""

    arms: tuple[str, ...]
    said: str
    traces: tuple[Trace, ...]
    more: int = 0


@dataclass(frozen=True)
class Card:
    """One problem; `labels` are what it can be chosen by: its set, a part of that, its level."""

    labels: tuple[str, ...]
    question: str
    gold: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Part:
    """Problems of one kind: `shown` of `count`, `flipped` of them chosen for that."""

    title: str
    cards: tuple[Card, ...]
    count: int
    flipped: int = 0

    @property
    def taught(self) -> bool:
        """Are these texts that a model was trained on?"""
        return any(trace.thought for trace in self._traces())

    @property
    def trees(self) -> bool:
        """Has any of them a tree?"""
        return any(trace.thought and trace.thought.lines for trace in self._traces())

    def _traces(self) -> Iterator[Trace]:
        yield from (trace for card in self.cards for column in card.columns for trace in column.traces)


def viewer(title: str, arms: list[Arm], baseline: str, most: int) -> str:
    """The page over at most so many problems of the training data, and of each benchmark. One HTML document without outside reference."""
    parts = [part for part in (_trained(arms, most), *(_answered(arms, name, baseline, most) for name in benchmarks(arms))) if part.cards]
    text = (
        pages()
        .get_template("traces.html.j2")
        .render(words={"title": title, "baseline": baseline}, parts=parts, tries=TRIES, palette=colours(arms))
    )
    return finished(text)


def _trained(arms: list[Arm], most: int) -> Part:
    """What the arms were trained on: problems that most of the ways have, drawn by a fixed seed."""
    ways = chains(arms)
    having: dict[str, int] = {}
    for chain in ways:
        for problem in chain.problems():
            having[problem] = having.get(problem, 0) + 1
    draw = random.Random(0)
    chosen = sorted(draw.sample(sorted(having), len(having)), key=lambda problem: -having[problem])[:most]
    known, tried = [posed(chain, chosen) for chain in ways], [thoughts(chain, chosen) for chain in ways]
    room = _room(sum(min(TRIES, len(tries)) for own in tried for tries in own.values()))
    cards = [
        card for name in chosen for card in _cards_of(name, list(zip(ways, known, tried, strict=True)), room)
    ]  # fmt: skip
    return Part("What was trained on", tuple(cards), len(having))


def _cards_of(name: str, ways: Sequence[tuple[Chain, Mapping[str, Problem], Mapping[str, list[Thought]]]], room: int) -> Iterator[Card]:
    """A card for each question of this name: runs may call different ones alike."""
    found: dict[str, tuple[Problem | None, list[Column]]] = {}
    for chain, known, tried in ways:
        if tries := tried.get(name):
            problem = known.get(name)
            traces = tuple(_thought_trace(chain, one, problem, room) for one in tries[:TRIES])
            column = Column(chain.arms, chain.way, traces, len(tries) - len(traces))
            found.setdefault(problem.question if problem else "", (problem, []))[1].append(column)
    for question, (problem, columns) in found.items():
        yield Card(_labels("training", problem), question or name, problem.answer if problem else "", tuple(columns))


def _thought_trace(chain: Chain, one: Thought, problem: Problem | None, room: int) -> Trace:
    from o1exp.answers.grade import grade

    right, extracted = None, ""
    if problem is not None and one.text:
        found = grade(problem.answer, one.text)
        right, extracted = found.correct, found.extracted
    score = Score(problem="", draw=one.draw, correct=right, extracted=extracted, tokens=pieces(one.text))
    note = "" if one.kept else "not trained on" if one.text else "not written out" if one.steps else "no right end was found"
    cut = replace(one, text="", before=one.before[:room])
    return Trace(shown_answer(chain.arms[0], one.text, score, room), note, thought=cut)


def _answered(arms: list[Arm], benchmark: str, baseline: str, most: int) -> Part:
    """Answers to a benchmark: problems that flipped in some arm, up to a half of all, and others; both drawn by a fixed seed."""
    having = [arm for arm in arms if benchmark in arm.grades]
    asked = list(dict.fromkeys(question for arm in having for question in arm.answered(benchmark)))
    changes = {(one.arm, question): change for one in flips(arms, baseline) if one.benchmark == benchmark
               for change, questions in one.questions.items() for question in questions}  # fmt: skip
    draw = random.Random(0)
    flipped = _shuffled({question for (_, question), change in changes.items() if change in (GAINED, LOST)}.intersection(asked), draw)
    first = flipped[: max((most + 1) // 2, most - (len(asked) - len(flipped)))]
    others = _shuffled(set(asked).difference(flipped), draw)
    chosen = [*first, *others][:most]
    tried = {arm.name: (arm.attempts(benchmark, chosen), arm.scores(benchmark, chosen)) for arm in having}
    room = _room(sum(min(TRIES, len(own)) for texts, _ in tried.values() for own in texts.values()))
    problems = {question: problem for arm in having for question, problem in arm.problems(benchmark).items() if question in chosen}
    cards = []
    for question in chosen:
        columns = [
            _column(name, (texts[question], scores[question]), changes.get((name, question)), room)
            for name, (texts, scores) in tried.items() if question in texts and question in scores
        ]  # fmt: skip
        problem = problems.get(question)
        said = (problem.question, problem.answer) if problem else (question, "")
        cards.append(Card(_labels(benchmark, problem), *said, tuple(columns)))
    return Part(benchmark, tuple(cards), len(asked), len(first))


def _column(arm: str, tried: tuple[list[Attempt], list[Score]], change: Change | None, room: int) -> Column:
    pairs = list(zip(*tried, strict=True))
    traces = tuple(Trace(shown_answer(arm, attempt.text, score, room), change=change or "") for attempt, score in pairs[:TRIES])
    right = sum(score.credit == 1 for _, score in pairs)
    return Column((arm,), f"{right} of {len(pairs)} right" if len(pairs) > 1 else "", traces, len(pairs) - len(traces))


def _labels(of: str, problem: Problem | None) -> tuple[str, ...]:
    own = (problem.source, problem.subset, problem.level) if problem else ()
    return tuple(dict.fromkeys(filter(None, (of, *own))))


def _room(texts: int) -> int:
    """Characters that each of so many texts may have."""
    return max(LEAST, min(LONGEST, ALL // max(1, texts)))


def _shuffled(questions: Iterable[str], draw: random.Random) -> list[str]:
    found = sorted(questions)
    return draw.sample(found, len(found))
