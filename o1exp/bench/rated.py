"""People's scores: answers rated by several raters, from a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from o1exp.bench.agreement import agreement
from o1exp.bench.sample import Sample
from o1exp.bench.scorer import Scorer, beside, of_attempt
from o1exp.flow import AtLeast, Expect, Role, Stage, Work, how
from o1exp.flow.content import differs, pinned
from o1exp.records import Attempt, Problem, Score, Table
from o1exp.records.fields import as_text, first_field
from o1exp.records.rows import Row, json_rows

UNRATED = "not rated"
"""The label of an answer that no rater has scored: it stays unscored."""
RESPONSE, RATER, SCORE = ("response", "answer", "text"), ("rater", "annotator", "expert", "by"), ("score", "rating", "value")


@dataclass(frozen=True, kw_only=True)
class Human(Scorer):
    """People rate the answers from `low` to `high`; the paper had three experts and 0 to 100."""

    path: str = how("")
    """JSONL or JSON with a row for each rating: response (the rated text), rater, score."""
    sha256: str = ""
    """Of the file's content; "": that of `path`."""
    low: float = 0.0
    high: float = 100.0
    raters: Annotated[int, AtLeast(1)] = 1
    """The least number of raters of an answer; one with fewer stays unscored."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.low < self.high:
            yield "high", f"must be above low={self.low:g}"
        if self.path and not Path(self.path).is_file():
            yield "path", f"{self.path} is no file (looked from {Path.cwd()}); give a file with ratings"

    def stage(self, attempts: Sample, problems: Stage[Table[Problem]]) -> Stage[Table[Score]]:
        return Rated(attempts=attempts, problems=problems, ratings=self)


@dataclass(frozen=True, kw_only=True)
class Rated(Stage[Table[Score]]):
    """The mean of what people gave each answer. A rating belongs to the text that it names, so that none is counted for another model's.

    Facts: raters, ratings, foreign (ratings of texts that are not among the answers), unscored, and how far the raters agree.
    Errors: ValueError naming the row that has no text, no rater or no number on the scale, or rates a text a second time.
    """

    role: ClassVar[Role] = "grading"
    does: ClassVar[str] = "answers scored by people"
    judges: ClassVar[str] = "response level: people read the whole response and score it"
    version: ClassVar[int] = 4

    attempts: Stage[Table[Attempt]]
    problems: Stage[Table[Problem]]
    ratings: Human

    def preflight(self) -> Iterator[str]:
        if not self.ratings.path:
            yield "path is not given: set it to a file of ratings (response, rater, score), a row for each"
        yield from differs(self.ratings.path, self.ratings.sha256)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=inputs["attempts"].rows)

    def make(self, work: Work) -> None:
        problems = {problem.id: problem for problem in work.open(self.problems)}
        attempts = list(work.open(self.attempts))
        given = self._given()
        texts = {attempt.text.strip() for attempt in attempts}
        own = {rater: {text: value for text, value in scores.items() if text in texts} for rater, scores in given.items()}
        rows = [of_attempt(self._score(attempt, own), attempt, beside(attempt, problems)) for attempt in attempts]
        work.write(Score, rows)
        whole, used = (sum(map(len, scores.values())) for scores in (given, own))
        agreed = agreement(own, "interval").plain() if len(own) > 1 else None
        work.note(raters=len(own), ratings=used, foreign=whole - used, unscored=sum(row.credit is None for row in rows), agreement=agreed)

    def _score(self, attempt: Attempt, given: dict[str, dict[str, float]]) -> Score:
        scale, text = (self.ratings.low, self.ratings.high), attempt.text.strip()
        values = [scores[text] for scores in given.values() if text in scores]
        if len(values) < self.ratings.raters:
            return Score(problem="", draw=0, label=UNRATED, scale=scale, method="none", scorer="people")
        return Score(problem="", draw=0, value=sum(values) / len(values), scale=scale, method="people", scorer="people")

    def _given(self) -> dict[str, dict[str, float]]:
        """Rater -> text -> score."""
        found: dict[str, dict[str, float]] = {}
        for row in json_rows(Path(self.ratings.path)):
            text, rater, value = self._rating(row)
            scores = found.setdefault(rater, {})
            if text in scores:
                raise ValueError(f"{self.ratings.path}, row {row.place}: {rater} has rated this text before; leave one of the two out")
            scores[text] = value
        return found

    def _rating(self, row: Row) -> tuple[str, str, float]:
        place, values = f"{self.ratings.path}, row {row.place}", row.values
        if row.reason:
            raise ValueError(f"{place}: {row.reason}")
        text, rater, score = (as_text(values.get(first_field(values, names), "")).strip() for names in (RESPONSE, RATER, SCORE))
        if not (text and rater):
            raise ValueError(f"{place}: has no {'rater' if text else 'response'}; a rating names the text that was rated and who rated it")
        try:
            value = float(score)
        except ValueError:
            raise ValueError(f"{place}: {score!r} is no number") from None
        if not self.ratings.low <= value <= self.ratings.high:
            raise ValueError(f"{place}: {value:g} is not on the scale from {self.ratings.low:g} to {self.ratings.high:g}")
        return text, rater, value
