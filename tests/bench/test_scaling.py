"""The curve of inference-time scaling, and two models at equal average tokens."""

import numpy as np
import pytest
from numpy.typing import NDArray

from o1exp.bench import scaling
from o1exp.bench.__main__ import main
from o1exp.bench.comparison import sentence
from o1exp.bench.metrics import Votes
from o1exp.bench.scaling import Curve, at_equal_tokens
from o1exp.bench.statistics import fraction
from o1exp.records import Score


def score(problem: str, draw: int, correct: bool, tokens: int, cuts: tuple[bool, ...] = ()) -> Score:
    """Right answers vote for the same class, each wrong one for its own."""
    return Score(problem=problem, draw=draw, correct=correct, tokens=tokens, cuts=cuts, vote=0 if correct else 1 + draw)


def curve(rows: list[Score]) -> Curve:
    by_problem: dict[str, list[Score]] = {}
    for row in rows:
        by_problem.setdefault(row.problem, []).append(row)
    return Curve.of(by_problem)


def test_points_come_from_the_same_answers() -> None:
    """Two questions of three samples: 40 tokens each, answered after 16 tokens on the first, after 32 on the second."""
    rows = [score("a", draw, True, 40, (True, True)) for draw in range(3)]
    rows += [score("b", draw, draw > 0, 40, (False, draw > 0)) for draw in range(3)]
    points = curve(rows).points()
    assert [(p.kind, p.size, p.tokens) for p in points] == [
        ("budget", 16, 16.0), ("budget", 32, 32.0), ("single", 1, 40.0), ("majority", 2, 80.0), ("majority", 3, 120.0),
    ]  # fmt: skip
    assert [p.accuracy for p in points] == pytest.approx([0.5, 5 / 6, 5 / 6, 5 / 6, 1.0], abs=1e-6)
    assert all(p.low < p.accuracy <= p.high for p in points)


def test_an_answer_below_the_budget_keeps_its_verdict_and_its_cost() -> None:
    points = curve([score("a", 0, True, 10), score("b", 0, True, 40, (False, True))]).points()
    assert [(p.size, p.tokens, p.accuracy) for p in points] == [(16, 13.0, 0.5), (32, 21.0, 1.0), (1, 25.0, 1.0)]


def test_no_budget_is_made_up_where_answers_were_not_cut() -> None:
    assert [p.kind for p in curve([score("a", 0, True, 4000)]).points()] == ["single"]


def test_curves_are_read_at_the_dearer_models_cost() -> None:
    cheap = [score(f"q{i}", draw, draw < 3 and i % 2 == 0, 10) for i in range(40) for draw in range(4)]
    dear = [score(f"q{i}", 0, i % 4 != 3, 30) for i in range(40)]
    found = at_equal_tokens(curve(dear), curve(cheap))
    assert found is not None
    assert found.tokens == 30
    assert (found.ours, found.questions) == (0.75, 40)
    assert found.ours_by == "single answers"
    assert found.theirs_by == "Maj@2 to Maj@4"
    assert 0.375 <= found.theirs <= 0.5
    assert found.low < found.difference < found.high
    said = sentence(found, "long", "short")
    assert said.startswith("At 30 output tokens per question long has 75.0 % (single answers) and short")
    back = at_equal_tokens(curve(cheap), curve(dear))
    assert back is not None
    assert back.difference == pytest.approx(-found.difference)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=0.02)


def test_what_cannot_be_compared_is_not() -> None:
    one, other = curve([score("a", 0, True, 10)]), curve([score("a", 0, True, 500)])
    assert at_equal_tokens(one, other) is None
    assert at_equal_tokens(one, curve([score("b", 0, True, 10)])) is None
    same = at_equal_tokens(curve([score(f"q{i}", 0, True, 10) for i in range(30)]), curve([score(f"q{i}", 0, True, 10) for i in range(30)]))
    assert same is not None
    assert same.low < -0.05 < 0.05 < same.high
    assert "no difference is shown (30 questions show a true difference of" in sentence(same, "a", "b")


Floats = NDArray[np.float64]


def simulated(draws: np.random.Generator, n: int, shift: float) -> tuple[Curve, Curve]:
    """Two models on n questions: harder questions take more tokens, votes help where the rate is above one half."""
    hard = draws.beta(2, 2, n)
    both = []
    for ease, cost in ((0.0, 1.0), (shift, 1.4)):
        rate = np.clip(0.9 - 0.8 * hard + ease, 0, 1)
        single = draws.binomial(4, rate) / 4
        cut = single * (draws.random(n) < 0.7 - 0.4 * hard)
        voted = np.where(draws.random(n) < 0.5, single, single > 0.5)
        tokens = cost * (40 + 60 * hard) * draws.lognormal(0, 0.3, n)
        columns: list[Floats] = [np.minimum(tokens, 50), tokens, 4 * tokens]
        names = (("budget", 32), ("single", 1), ("majority", 4))
        ids = tuple(map(str, range(n)))
        both.append(Curve(ids, names, np.stack(columns, 1), np.stack([cut, single, voted], 1).astype(np.float64)))
    return both[0], both[1]


@pytest.mark.parametrize(("n", "shift"), [(40, 0.0), (120, 0.15)])
def test_the_interval_at_equal_tokens_covers_the_truth(n: int, shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(20260303)
    monkeypatch.setattr(scaling, "RESAMPLES", 2)  # the truth needs no interval
    truths = [at_equal_tokens(*simulated(draws, 10_000, shift)) for _ in range(10)]
    truth = float(np.mean([found.difference for found in truths if found is not None]))
    monkeypatch.setattr(scaling, "RESAMPLES", 800)
    hits, trials = 0, 800
    for trial in range(trials):
        found = at_equal_tokens(*simulated(draws, n, shift), seed=trial)
        assert found is not None
        hits += found.low <= truth <= found.high
    assert hits / trials == pytest.approx(0.95, abs=0.02)


def test_the_interval_of_a_majority_covers_it() -> None:
    """Two classes of answers, eight samples, Maj@4 by counting subsets; the truth by the rates' whole distribution."""
    draws = np.random.default_rng(20260404)
    by_count = np.array(
        [
            Votes(tuple(c for c in (right, 8 - right) if c), tuple(v for v, c in ((1.0, right), (0.0, 8 - right)) if c)).maj_at(4)
            for right in range(9)
        ]
    )
    rates = draws.beta(2, 1, 400_000)
    truth = float(by_count[draws.binomial(8, rates)].mean())
    hits = 0
    for _ in range(2000):
        found = fraction(by_count[draws.binomial(8, draws.beta(2, 1, 40))].tolist())
        hits += found.low <= truth <= found.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.02)


def test_published_counts_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["counts", "13/30", "12/30"]) == 0
    said = capsys.readouterr().out
    assert "No difference shown" in said
    assert "p = 1.0" in said
    assert "a true difference of 36 points or more" in said
    assert main(["counts", "13", "12/30"]) == 2
    assert "'13' is no count; write right/all" in capsys.readouterr().err
