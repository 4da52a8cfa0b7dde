"""A gate for CI: does an arm reach its thresholds? Pass, fail, or undecided with the number of questions that would decide."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal

from o1exp.history.arms import Arm
from o1exp.report.compare import ResultRow, is_baseline

Verdict = Literal["pass", "fail", "undecided"]
CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "undecided": 3}
"""Exit codes; 2 is a mistake in the command or its files."""
MOST = 10_000_000
"""Questions beyond which nothing is said to decide."""


@dataclass(frozen=True)
class Threshold:
    """Of one benchmark: `floor` is the least accuracy in per cent, `loss` the most points below the baseline; None asks nothing."""

    benchmark: str
    floor: float | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Thresholds:
    """What a file asks for; `baseline` and `arm` are "" where it leaves them to the run: its baseline, and all other arms."""

    benchmarks: tuple[Threshold, ...]
    baseline: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Finding:
    """One threshold on one arm, in per cent or points: the value, its 95 % interval, and the verdict.

    `decides` questions would decide it if the value stayed what it is; None where it is decided, or where no number of them would.
    """

    arm: str
    benchmark: str
    asked: str
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    questions: int
    decides: int | None = None
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        head = f"{self.verdict.upper()}: {self.arm} on {self.benchmark}, {self.asked}"
        if self.value is None:
            return f"{head}: {self.why}"
        said = f"{head}: {self.value:.1f} (95 % interval {self.low:.1f} to {self.high:.1f}, {self.questions:,} questions)"
        if self.verdict != "undecided":
            return said
        needed = f"{self.decides:,} questions would decide" if self.decides else "no number of questions decides a value at its threshold"
        return f"{said}; {needed}"


def read_thresholds(path: Path) -> Thresholds:
    """The thresholds of a YAML file. Errors: ValueError naming what is wrong in it and what would do."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        if twice := _twice(yaml.compose(text, Loader=yaml.SafeLoader)):
            raise ValueError(f"{path}: {twice} stands there twice; leave one of them out")
        stored = yaml.safe_load(text)
    except OSError as wrong:
        raise ValueError(f"{path} cannot be read ({wrong.strerror}); give a file as docs/report.md shows it") from wrong
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as wrong:
        raise ValueError(f"{path} cannot be read as YAML ({wrong}); see docs/report.md for its form") from wrong
    if not isinstance(stored, dict) or not isinstance(stored.get("benchmarks"), dict) or not stored["benchmarks"]:
        raise ValueError(f"{path} names no benchmarks; write them as benchmarks: {{gsm8k: {{floor: 80, loss: 2}}}}")
    if unknown := set(stored) - {"benchmarks", "baseline", "arm"}:
        raise ValueError(f"{path}: {', '.join(sorted(map(str, unknown)))} is not known; there are benchmarks, baseline and arm")
    for name in ("baseline", "arm"):
        if isinstance(stored.get(name), Mapping | list):
            raise ValueError(f"{path}: {name}: {stored[name]!r} is no name; write that of one arm")
    asked = tuple(_threshold(path, str(name), given) for name, given in stored["benchmarks"].items())
    return Thresholds(asked, str(stored.get("baseline") or ""), str(stored.get("arm") or ""))


def _twice(node: Any) -> str:
    """A name that stands twice in one mapping, of which YAML would take the last."""
    if not isinstance(getattr(node, "value", None), list):
        return ""
    pairs = [one if isinstance(one, tuple) else (None, one) for one in node.value]
    names = [str(key.value) for key, _ in pairs if key is not None]
    twice = next((name for name in names if names.count(name) > 1), "")
    return twice or next((found for _, inner in pairs if (found := _twice(inner))), "")


def _threshold(path: Path, name: str, given: Any) -> Threshold:
    if not isinstance(given, Mapping) or not given or set(given) - {"floor", "loss"}:
        raise ValueError(f"{path}: {name}: {given!r} is no threshold; give floor (accuracy in %), loss (points below baseline) or both")
    for what, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise ValueError(f"{path}: {name}.{what}={value!r} is no number from 0 to 100; accuracies are in per cent, losses in points")
    floor, loss = given.get("floor"), given.get("loss")
    if floor is not None and 0 < floor < 1:
        raise ValueError(f"{path}: {name}.floor={floor} is below 1 %; accuracies are in per cent, write {100 * floor:g}")
    return Threshold(name, floor, loss)


def findings(asked: Thresholds, table: list[ResultRow], arms: list[Arm], baseline: str) -> list[Finding]:
    """Every threshold on every arm that it is asked of. Errors: ValueError for a benchmark or arm without a result, or no baseline."""
    judged = [arm for arm in arms if any(is_baseline(name, asked.arm or baseline) for name in arm.names) == bool(asked.arm)]
    if not judged:
        there = ", ".join(arm.name for arm in arms)
        raise ValueError(f"no arm {f'{asked.arm!r} to judge' if asked.arm else 'to judge beside the baseline'}; there are {there}")
    found = []
    for one in asked.benchmarks:
        rows = {row.arm.name: row for row in table if row.benchmark == one.benchmark}
        if missing := [arm.name for arm in judged if arm.name not in rows]:
            known = ", ".join(dict.fromkeys(row.benchmark for row in table))
            raise ValueError(f"{', '.join(missing)}: no result on {one.benchmark!r}; there are results on {known}")
        if one.loss is not None and not baseline:
            raise ValueError(f"{one.benchmark}.loss needs a baseline; name one with --baseline or in the file")
        for arm in judged:
            found += [_floor(rows[arm.name], one.floor)] if one.floor is not None else []
            found += [_loss(rows[arm.name], one.loss)] if one.loss is not None else []
    return found


def overall(found: list[Finding]) -> Verdict:
    """Fail where anything fails, undecided where anything is, else pass."""
    verdicts = {one.verdict for one in found}
    return "fail" if "fail" in verdicts else "undecided" if "undecided" in verdicts else "pass"


def _floor(row: ResultRow, floor: float) -> Finding:
    score = row.score
    low, high = 100 * score.low, 100 * score.high
    verdict: Verdict = "pass" if low >= floor else "fail" if high < floor else "undecided"
    decides = _floor_decides(score.accuracy, floor / 100, score.problems) if verdict == "undecided" else None
    return Finding(row.arm.name, row.benchmark, f"at least {floor:g} %", 100 * score.accuracy, low, high, verdict, score.problems, decides)


def _floor_decides(rate: float, floor: float, questions: int) -> int | None:
    """The least number of questions whose interval leaves the floor out, doubling first and then by halves."""
    from o1exp.bench.statistics import wilson

    def decided(n: int) -> bool:
        found = wilson(round(rate * n), n)
        return found.low >= floor or found.high < floor

    if rate == floor:
        return None
    high = questions
    while not decided(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def _loss(row: ResultRow, loss: float) -> Finding:
    words = f"at most {loss:g} points below the baseline"
    if row.against is None:
        same = row.verdict.endswith("are the same result.")
        return Finding(
            row.arm.name, row.benchmark, words, None, None, None, "pass" if same else "undecided", row.score.problems,
            why=row.verdict or "there is no baseline score to compare with",
        )  # fmt: skip
    c = row.against
    value, low, high = 100 * c.difference, 100 * c.low, 100 * c.high
    verdict: Verdict = "pass" if low >= -loss else "fail" if high < -loss else "undecided"
    decides = _loss_decides(value, low, high, -loss, c.questions) if verdict == "undecided" else None
    return Finding(row.arm.name, row.benchmark, words, value, low, high, verdict, c.questions, decides)


def _loss_decides(value: float, low: float, high: float, limit: float, questions: int) -> int | None:
    """An interval narrows with the root of the number of questions."""
    reach, apart = (value - low, value - limit) if value > limit else (high - value, limit - value)
    if apart <= 0:
        return None
    needed = ceil(questions * (reach / apart) ** 2)
    return needed if needed <= MOST else None
