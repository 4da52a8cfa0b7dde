"""What each setting of a grid does, over everything else that was varied: seeds are replicates, other axes are factors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

from o1exp.bench.comparison import Contrast, p_words
from o1exp.history.arms import Arm, benchmarks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from o1exp.bench.scaling import Curve

REPLICATES = ("seed",)
"""Axes whose values are drawn, not chosen: their cells repeat the same experiment."""
Setting = tuple[str, str]
"""An axis and one of its values: ("thought", "tree")."""
Rates = Mapping[str, float]
"""The mean credit of each question."""


@dataclass(frozen=True)
class Effect:
    """`setting` against `base` on one benchmark, averaged over `contexts` settings of the other factors.

    With `beside`, two settings of another factor, it is an interaction: by how much more the setting does under the first than under the
    second.
    """

    benchmark: str
    setting: Setting
    base: Setting
    contexts: int
    contrast: Contrast
    beside: tuple[Setting, Setting] | None = None
    tokens: float | None = None
    """The average output tokens at which both were read off their curves; None: over all answers, whatever they cost."""

    @property
    def name(self) -> str:
        words = f"{_word(self.setting)} against {_word(self.base)}"
        words += "" if self.tokens is None else f" at {self.tokens:,.0f} output tokens"
        return f"{words}, more under {_word(self.beside[0])} than under {_word(self.beside[1])}" if self.beside else words

    @property
    def verdict(self) -> str:
        c = self.contrast
        over = f"{_counted(c.seeds, 'seed')} x {_counted(c.questions, 'question')}"
        over += f", {_counted(self.contexts, 'setting')} of the other factors" if self.contexts > 1 else ""
        corrected = " after Holm" if c.adjusted != c.p else ""
        interval = f"95 % interval {100 * c.low:+.1f} to {100 * c.high:+.1f}"
        said = f"{100 * c.value:+.1f} points ({interval}, {p_words(c.adjusted)}{corrected}; {over})"
        if c.shown:
            return f"{self.name}: {said}."
        return f"{self.name}: no difference shown, {said}; {100 * c.detectable:.0f} points would be in four cases of five."


@dataclass(frozen=True)
class Level:
    """One combination of the factors on a benchmark, its mean over seeds and questions; `tied` where it is not told apart from the best."""

    benchmark: str
    name: str
    mean: Contrast
    tied: bool


@dataclass(frozen=True)
class Effects:
    """A grid taken apart. `replicates` and `factors` are the axes with more than one value; all lists are empty for what is no grid."""

    factors: tuple[str, ...] = ()
    replicates: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    main: tuple[Effect, ...] = ()
    interactions: tuple[Effect, ...] = ()
    matched: tuple[Effect, ...] = ()
    """The main effects at equal average tokens of an answer."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        kinds = (("main", self.main), ("interactions", self.interactions), ("matched", self.matched))
        return {
            "factors": list(self.factors), "replicates": list(self.replicates),
            "levels": [{"benchmark": one.benchmark, "name": one.name, **asdict(one.mean), "tied": one.tied} for one in self.levels],
            **{name: [{"benchmark": one.benchmark, "name": one.name, **asdict(one.contrast), "contexts": one.contexts} for one in found]
               for name, found in kinds},
        }  # fmt: skip


NO_EFFECTS = Effects()


def effects(arms: list[Arm], baseline: str = "", replicates: Sequence[str] = REPLICATES) -> Effects:
    """Main effects and two-way interactions of a sweep's arms, whose names are their settings ("seed=0 thought=tree").

    Each is paired by question within each seed. Where the arms are no grid, or only one axis was varied and nothing repeated it, nothing:
    the plain comparison says it all.
    """
    grid = _Grid.of(arms, baseline, replicates)
    if grid is None or not grid.factors or (len(grid.factors) == 1 and not grid.replicates):
        return NO_EFFECTS
    main, both, levels, equal = list[Effect](), list[Effect](), list[Level](), list[Effect]()
    for benchmark in benchmarks(arms):
        rates = grid.rates(benchmark)
        main += grid.main(benchmark, rates)
        both += grid.interactions(benchmark, rates)
        levels += grid.levels(benchmark, rates)
        equal += grid.matched(benchmark)
    return Effects(tuple(grid.factors), tuple(grid.replicates), tuple(levels), _corrected(main), _corrected(both), _corrected(equal))


def axes_of(arms: list[Arm]) -> list[str]:
    """The axes of a sweep's arms, as their names say; none for other arms."""
    return list(dict.fromkeys(axis for arm in arms for name in arm.names for axis in _settings(name)))


def unknown_replicates(arms: list[Arm], asked: Sequence[str]) -> str:
    """What is wrong with axes that were asked for as replicates, "" for nothing: a wrong one would make a factor of the seed."""
    axes = axes_of(arms)
    unknown = [name for name in asked if name and axes and not any(name in (axis, axis.rpartition(".")[2]) for axis in axes)]
    return f"--replicates {','.join(asked)}: {', '.join(unknown)} is no axis; the axes are {', '.join(axes)}" if unknown else ""


Pair: TypeAlias = "tuple[Curve, Curve]"
Cell = tuple[tuple[str, ...], tuple[str, ...]]
"""The values of the factors and those of the replicates."""


@dataclass(frozen=True)
class _Grid:
    """The arms by their cells. `factors` and `replicates` are axes with their values, a factor's first one its base."""

    factors: dict[str, list[str]]
    replicates: dict[str, list[str]]
    cells: dict[Cell, Arm]

    @classmethod
    def of(cls, arms: list[Arm], baseline: str, replicates: Sequence[str]) -> "_Grid | None":
        named = [(settings, arm) for arm in arms for name in arm.names if (settings := _settings(name))]
        axes = list(dict.fromkeys(axis for settings, _ in named for axis in settings))
        if len(named) < 2 or len(named) < sum(len(arm.names) for arm in arms) or any(settings.keys() != set(axes) for settings, _ in named):
            return None
        values = {axis: list(dict.fromkeys(settings[axis] for settings, _ in named)) for axis in axes}
        varied = {axis: found for axis, found in values.items() if len(found) > 1}
        axis, _, base = baseline.partition("=")
        if base in varied.get(axis, ()):
            varied[axis].sort(key=lambda value: value != base)
        again = {axis: found for axis, found in varied.items() if axis in replicates or axis.rpartition(".")[2] in replicates}
        factors = {axis: found for axis, found in varied.items() if axis not in again}
        cells = {(tuple(s[axis] for axis in factors), tuple(s[axis] for axis in again)): arm for s, arm in named}
        return cls(factors, again, cells)

    def rates(self, benchmark: str) -> dict[Cell, Rates]:
        return {
            cell: {one.question: one.total / one.samples for one in arm.outcome.questions[benchmark]}
            for cell, arm in self.cells.items() if benchmark in arm.outcome.questions
        }  # fmt: skip

    def main(self, benchmark: str, rates: dict[Cell, Rates]) -> Iterator[Effect]:
        for place, (axis, values) in enumerate(self.factors.items()):
            for value in values[1:]:
                signs = {value: 1, values[0]: -1}
                found = self._contrast(rates, {place: signs})
                if found:
                    yield Effect(benchmark, (axis, value), (axis, values[0]), found[1], found[0])

    def interactions(self, benchmark: str, rates: dict[Cell, Rates]) -> Iterator[Effect]:
        for (i, (axis, values)), (j, (other, others)) in combinations(enumerate(self.factors.items()), 2):
            for value in values[1:]:
                for beside in others[1:]:
                    signs = {i: {value: 1, values[0]: -1}, j: {beside: 1, others[0]: -1}}
                    if found := self._contrast(rates, signs):
                        pair = ((other, beside), (other, others[0]))
                        yield Effect(benchmark, (axis, value), (axis, values[0]), found[1], found[0], pair)

    def levels(self, benchmark: str, rates: dict[Cell, Rates]) -> Iterator[Level]:
        """Each combination of factors that every seed has, and whether it is told apart from the best."""
        from o1exp.bench.contrast import contrast

        seeds = list(dict.fromkeys(seed for _, seed in rates))
        whole = [combination for combination in dict.fromkeys(c for c, _ in rates) if all((combination, seed) in rates for seed in seeds)]
        asked = _shared([rates[combination, seed] for combination in whole for seed in seeds])
        if not whole or not asked:
            return
        tables = {combination: _table([rates[combination, seed] for seed in seeds], asked) for combination in whole}
        best = max(whole, key=lambda combination: float(tables[combination].mean()))
        below = [combination for combination in whole if combination != best]
        apart = _holm([contrast(tables[best] - tables[combination]) for combination in below])
        told = {combination for combination, found in zip(below, apart, strict=True) if found.shown}
        for combination in whole:
            name = " ".join(map("=".join, zip(self.factors, combination, strict=True)))
            yield Level(benchmark, name, contrast(tables[combination]), combination not in told)

    def matched(self, benchmark: str) -> Iterator[Effect]:
        """The main effects where each cell and its partner are read at a cost that is on both their curves, in every seed."""
        curves = self._curves(benchmark)
        for place, (axis, values) in enumerate(self.factors.items()):
            for value in values[1:]:
                if found := _at_equal_tokens([self._pairs(curves, place, (value, values[0]), seed) for seed in _seeds(curves)]):
                    yield Effect(benchmark, (axis, value), (axis, values[0]), found[1], found[0], tokens=found[2])

    def _curves(self, benchmark: str) -> "dict[Cell, Curve]":
        from o1exp.bench.scaling import Curve

        outcomes = {cell: arm.outcome for cell, arm in self.cells.items() if arm.outcome.questions.get(benchmark)}
        asked = _shared([{one.question: 0.0 for one in outcome.questions[benchmark]} for outcome in outcomes.values()])
        return {
            cell: Curve.kept(outcome.questions[benchmark], outcome.benchmarks[benchmark].curve).select(asked)
            for cell, outcome in outcomes.items() if asked
        }  # fmt: skip

    def _pairs(self, curves: "Mapping[Cell, Curve]", place: int, values: tuple[str, str], seed: tuple[str, ...]) -> "dict[Cell, Pair]":
        """The curves under both values of a factor, by the settings of the other factors."""
        found = dict[Cell, Pair]()
        for cell in curves:
            other = (*cell[0][:place], values[1], *cell[0][place + 1 :]), seed
            if cell[1] == seed and cell[0][place] == values[0] and other in curves and self._apart(cell, other):
                found[other[0], ()] = (curves[cell], curves[other])
        return found

    def _apart(self, cell: Cell, other: Cell) -> bool:
        return self.cells[cell].identity != self.cells[other].identity

    def _contrast(self, rates: dict[Cell, Rates], signs: dict[int, dict[str, int]]) -> "tuple[Contrast, int] | None":
        """The signed sum of cells, averaged over the other factors' settings that all its cells and seeds have; and how many those are.

        A setting in which the cells are one and the same result says nothing of the factor and is left out.
        """
        from o1exp.bench.contrast import contrast

        seeds = list(dict.fromkeys(seed for _, seed in rates))
        corners = _corners(signs)
        contexts = dict.fromkeys(tuple(v for i, v in enumerate(c) if i not in signs) for c, _ in rates)
        used = []
        for context in contexts:
            cells = [(_merged(context, corner), sign) for corner, sign in corners]
            complete = all((cell, seed) in rates for cell, _ in cells for seed in seeds)
            if complete and any(len({self.cells[cell, seed].identity for cell, _ in cells}) > 1 for seed in seeds):
                used.append(cells)
        asked = _shared([rates[cell, seed] for cells in used for cell, _ in cells for seed in seeds])
        if not used or not asked:
            return None
        parts = [sign * _table([rates[cell, seed] for seed in seeds], asked) for cells in used for cell, sign in cells]
        return contrast(sum(parts[1:], parts[0]) / len(used)), len(used)


def _at_equal_tokens(seeds: "Sequence[Mapping[Cell, Pair]]") -> "tuple[Contrast, int, float] | None":
    """The difference over seeds, the settings of the other factors that all seeds have, and the mean cost of all these readings."""
    import numpy as np

    from o1exp.bench.contrast import contrast
    from o1exp.bench.scaling import matched

    read = [{context: one for context, pair in pairs.items() if (one := matched(*pair))} for pairs in seeds]
    used = [context for context in (read[0] if read else {}) if all(context in own for own in read)]
    if not used:
        return None
    differences = np.array([np.mean([own[context][1] for context in used], axis=0) for own in read])
    return contrast(differences), len(used), float(np.mean([own[context][0] for own in read for context in used]))


def _seeds(cells: Iterable[Cell]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(seed for _, seed in cells))


def _settings(name: str) -> dict[str, str]:
    """ "seed=0 thought=tree" taken apart; empty for a name that is no list of settings."""
    words = [word.partition("=") for word in name.split(" ")]
    return {axis: value for axis, _, value in words} if all(axis and sign for axis, sign, _ in words) else {}


def _corners(signs: dict[int, dict[str, int]]) -> list[tuple[dict[int, str], int]]:
    """The cells of a contrast by the values of its factors, each with its sign."""
    found: list[tuple[dict[int, str], int]] = [({}, 1)]
    for place, values in signs.items():
        found = [({**corner, place: value}, sign * own) for corner, sign in found for value, own in values.items()]
    return found


def _merged(context: tuple[str, ...], corner: dict[int, str]) -> tuple[str, ...]:
    """All factors' values: the corner's at its places, the context's in the others."""
    rest = iter(context)
    return tuple(corner[i] if i in corner else next(rest) for i in range(len(context) + len(corner)))


def _shared(rates: Sequence[Rates]) -> list[str]:
    """The questions that all cells answered."""
    return [question for question in rates[0] if all(question in other for other in rates)] if rates else []


def _table(rates: Sequence[Rates], asked: list[str]) -> "NDArray[np.float64]":
    """[seeds, questions]"""
    import numpy as np

    return np.array([[one[question] for question in asked] for one in rates], dtype=np.float64)


def _holm(found: "list[Contrast]") -> "list[Contrast]":
    from o1exp.bench.statistics import holm

    return [replace(one, adjusted=p) for one, p in zip(found, holm([one.p for one in found]), strict=True)]


def _corrected(found: list[Effect]) -> tuple[Effect, ...]:
    """The same effects as one family."""
    return tuple(replace(effect, contrast=c) for effect, c in zip(found, _holm([effect.contrast for effect in found]), strict=True))


def _word(setting: Setting) -> str:
    return "=".join(setting)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
