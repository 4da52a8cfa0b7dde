"""One Optuna study that any number of processes work on: who makes which trial, and what came out.

A trial is held by a lock that the system frees when its process is gone. Such an orphan is made again under its own number, so that
a study has just as many trials as were asked for, and nothing is overwritten.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from o1exp.app.axes import Axis, Value
from o1exp.app.search.asked import Search

if TYPE_CHECKING:
    import optuna


@dataclass
class Claimed:
    """A trial that this process makes, and the lock that says so."""

    trial: "optuna.trial.Trial"
    overrides: Value
    lock: FileLock

    @property
    def number(self) -> int:
        return int(self.trial.number)


class Trials:
    """The study in a folder."""

    def __init__(self, folder: Path, asked: Search) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._folder, self._asked = folder, asked
        folder.mkdir(parents=True, exist_ok=True)
        self._alone = FileLock(folder / ".study.lock")
        with self._alone:
            self.study = optuna.create_study(
                study_name="search", storage=_storage(folder, asked.storage), directions=asked.directions, load_if_exists=True
            )
        if [direction.name.lower() for direction in self.study.directions] != asked.directions:
            raise ValueError(f"{folder}: its study has other objectives; delete the folder, or name another study (study=NAME)")

    def claim(self) -> list[Claimed]:
        """Up to `at_once` trials to make: orphans first, then new ones as far as the study has fewer than were asked for."""
        with self._alone:
            found = list(self._orphans(self._asked.at_once))
            known = len(self.study.get_trials(deepcopy=False))
            for place in range(known, min(self._asked.trials, known + self._asked.at_once - len(found))):
                self.study.sampler = sampler(self._asked, place)
                found.append(self._claimed(self.study.ask(), self._lock(place)))
            return found

    def tell(self, claimed: Claimed, state: str, metrics: Mapping[str, float]) -> None:
        """Record how a trial ended: FINISHED with its metrics, PRUNED or FAILED."""
        from optuna.trial import TrialState

        states = {"FINISHED": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED}
        with self._alone:
            for name, value in metrics.items():
                claimed.trial.set_user_attr(name, value)
            for one in self._asked.constraints if metrics else ():
                claimed.trial.set_constraint(f"{one.metric}{one.sign}{one.limit:g}", one.broken(metrics))
            self.study.sampler = sampler(self._asked, claimed.number)  # it may keep something of a finished trial
            values = [metrics[name] for name in self._asked.objectives] if state == "FINISHED" else None
            self.study.tell(claimed.trial, values, state=states.get(state, TrialState.FAIL))
        claimed.lock.release()

    def _orphans(self, most: int) -> Iterator[Claimed]:
        from optuna.trial import Trial, TrialState

        for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if most <= 0:
                return
            try:
                lock = self._lock(frozen.number)
            except Timeout:
                continue
            most -= 1
            self.study.sampler = sampler(self._asked, frozen.number)  # for what it was killed before being given
            yield self._claimed(Trial(self.study, frozen._trial_id), lock)

    def _claimed(self, trial: "optuna.trial.Trial", lock: FileLock) -> Claimed:
        overrides = [word for axis in self._asked.axes.axes for word in _suggested(trial, axis)]
        return Claimed(trial, (*self._asked.axes.fixed, *overrides), lock)

    def _lock(self, number: int) -> FileLock:
        (self._folder / "trials").mkdir(exist_ok=True)
        lock = FileLock(self._folder / "trials" / f"{number}.lock")
        lock.acquire(timeout=0)
        return lock


@dataclass(frozen=True)
class _Lock:
    """Optuna's own lock is a file that a killed process leaves behind; the others then wait half a minute for it."""

    inner: FileLock

    def acquire(self) -> bool:
        self.inner.acquire()
        return True

    def release(self) -> None:
        self.inner.release()


def _suggested(trial: "optuna.trial.Trial", axis: Axis) -> Value:
    if axis.interval is None:
        return axis.values[trial.suggest_categorical(axis.name, list(range(len(axis.values))))]
    start, end = axis.bounds.start, axis.bounds.end
    log = "log" in axis.bounds.tags
    if isinstance(start, int) and isinstance(end, int):
        return (f"{axis.name}={trial.suggest_int(axis.name, start, end, log=log)}",)
    return (f"{axis.name}={trial.suggest_float(axis.name, float(start or 0), float(end or 0), log=log):.6g}",)


def _storage(folder: Path, kind: str) -> Any:
    from optuna import storages
    from optuna.storages.journal import JournalFileBackend

    if kind == "sqlite":
        return storages.RDBStorage(f"sqlite:///{folder / 'study.db'}", engine_kwargs={"connect_args": {"timeout": 60}})
    lock: Any = _Lock(FileLock(folder / ".journal.lock"))
    return storages.JournalStorage(JournalFileBackend(str(folder / "study.journal"), lock))


def sampler(asked: Search, place: int) -> Any:
    """The sampler for a trial. Its luck is that of the trial's number, so that two processes never draw the same."""
    from optuna import samplers

    if asked.sampler == "tpe":
        return samplers.TPESampler(seed=place, multivariate=True, constant_liar=True)
    if asked.sampler == "gp":
        return samplers.GPSampler(seed=place)
    if asked.sampler == "nsga2":
        return samplers.NSGAIISampler(seed=place, population_size=min(50, max(4, asked.n_trials // 4)))
    if asked.sampler == "cmaes":
        return samplers.CmaEsSampler(seed=place)
    if asked.sampler == "qmc":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "experimental" for years
            return samplers.QMCSampler(seed=0, scramble=True, warn_independent_sampling=False)
    if asked.sampler == "grid":
        with warnings.catch_warnings():  # Optuna's own sampler of a grid ends studies that it does not run itself
            warnings.simplefilter("ignore")
            return samplers.PartialFixedSampler(asked.grid[place], samplers.RandomSampler(seed=place))
    return samplers.RandomSampler(seed=place)
