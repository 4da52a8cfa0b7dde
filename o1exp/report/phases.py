"""What each training phase did: its numbers for a table, and what the model wrote while it learned."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from o1exp.history.arms import Arm
from o1exp.history.trained import TrainedPhase
from o1exp.records import Example, Pair
from o1exp.report.curves import thinned
from o1exp.report.ledger import shared_trainings

SHOWN_POINTS, SHOWN_PROBLEMS = 6, 4
"""Evaluation points and problems of a phase that the page shows."""
LAST = "the last"
LONGEST = 3000
"""Characters of one text that the page shows."""


@dataclass(frozen=True)
class WrittenText:
    """What the model wrote at one point; `step` 0 is before training."""

    step: int
    tokens: int
    text: str

    @property
    def when(self) -> str:
        return f"step {self.step:,}, {self.tokens:,} tokens" if self.step else "before training"


@dataclass(frozen=True)
class Learning:
    """A held-out problem through a training: its prompt, what the model wrote at each point, and the answer of the data.

    Prompt and answer are "" where the data was deleted since.
    """

    row: int
    prompt: str
    answer: str
    texts: list[WrittenText]


@dataclass(frozen=True)
class Phase:
    """One training for the page; `arms` share it."""

    training: TrainedPhase
    arms: tuple[str, ...]
    learning: list[Learning]

    @property
    def lost(self) -> str:
        """What the length cap cost, e.g. "3 dropped (9,120 tokens)"."""
        facts = self.training.facts
        counts = [f"{count:,} {what}" for count, what in ((facts.dropped, "dropped"), (facts.cut, "cut")) if count]
        return f"{', '.join(counts)} ({facts.tokens_lost:,} tokens)" if counts else ""

    @property
    def exported_step(self) -> int:
        facts = self.training.facts
        return facts.steps if facts.exported_step is None else facts.exported_step

    @property
    def looked_at(self) -> str:
        """Among how many checkpoints the exported one was chosen."""
        if self.training.artefact.manifest.settings.get("keep") != "best":
            return LAST
        return f"best of {len(self.training.logs.validation)} by held-out loss"

    @property
    def shown(self) -> list[Learning]:
        """As much as a page can hold side by side, the first and the last point among it."""
        return [
            Learning(one.row, _clipped(one.prompt), _clipped(one.answer), [_short(text) for text in thinned(one.texts, SHOWN_POINTS)])
            for one in self.learning[:SHOWN_PROBLEMS]
        ]


def phases(arms: list[Arm]) -> list[Phase]:
    """Every training once, phase by phase."""
    return [Phase(training, owners, learning(training)) for training, owners in shared_trainings(arms)]


def chosen(arms: list[Arm]) -> list[str]:
    """A sentence for every training whose exported checkpoint was chosen among several, by a score that this makes better than it is."""
    return [
        f"{phase.training.label} of {', '.join(phase.arms)}: step {phase.exported_step:,} is the {phase.looked_at}."
        for phase in phases(arms) if phase.looked_at != LAST
    ]  # fmt: skip


def learning(training: TrainedPhase) -> list[Learning]:
    """The held-out problems that were answered at evaluation points, in the order of the data."""
    texts: dict[int, list[WrittenText]] = {}
    roles: dict[int, str] = {}
    for point in training.logs.samples:
        for sample in point.samples:
            roles[sample.row] = sample.role
            texts.setdefault(sample.row, []).append(WrittenText(point.step, point.tokens, sample.text))
    asked = _examples(training, roles)
    return [Learning(row, *asked.get(row, ("", "")), written) for row, written in sorted(texts.items())]


def learning_text(training: TrainedPhase) -> str:
    """The same as Markdown, in full."""
    parts = [f"# {training.label}: what the model writes to held-out problems (greedy)\n"]
    for one in learning(training):
        parts += [f"\n## Row {one.row}\n", _block(one.prompt)] if one.prompt else [f"\n## Row {one.row}\n"]
        parts += [part for written in one.texts for part in (f"\n### {written.when.capitalize()}\n", _block(written.text))]
        parts += ["\n### In the data\n", _block(one.answer)] if one.answer else []
    return "".join(parts)


def _examples(training: TrainedPhase, asked: dict[int, str]) -> dict[int, tuple[str, str]]:
    """(prompt, answer) of the rows asked for, by the role of the answer there: of a pair the chosen one.

    Rows of pairs in logs without a role were counted otherwise: nothing is shown beside those.
    """
    data, roles = training.tables[-1] if training.tables and asked else None, set(asked.values())
    if data is None or (training.facts.pairs and "plain" in roles):
        return {}
    last = max(asked) + 1
    if roles == {"plain"}:
        examples: Iterator[Example] = islice(data.rows(Example), last)
        return {at: (example.prompt, example.response) for at, example in enumerate(examples)}
    pairs: Iterator[Pair] = islice(data.rows(Pair), last)
    return {at: (pair.prompt, pair.chosen) for at, pair in enumerate(pairs)}


def _short(written: WrittenText) -> WrittenText:
    return WrittenText(written.step, written.tokens, _clipped(written.text))


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n[…]\n{text[-LONGEST // 2 :]}"


def _block(text: str) -> str:
    """Indented, so that nothing in it is read as Markdown."""
    return "\n" + "".join(f"    {line}\n" for line in text.split("\n"))
