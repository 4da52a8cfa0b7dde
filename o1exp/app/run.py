"""Make what a study asks for."""

import shlex
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from rich.markup import escape

from o1exp.app.beside import book, stores
from o1exp.app.order import urgency
from o1exp.app.show import store_of, tell_stale, wide
from o1exp.app.slurm.submit import run_as_jobs, submits
from o1exp.config.compose import Study, run_name
from o1exp.config.error import ConfigError
from o1exp.flow import forks
from o1exp.flow.artefacts import changed, finished
from o1exp.flow.disk import writing
from o1exp.flow.errors import Damaged
from o1exp.flow.plan import PlannedStage, plan
from o1exp.flow.process import child_environment
from o1exp.flow.stage import Stage, walk
from o1exp.flow.store import Store
from o1exp.history.runs import CONFIG, PAGE, RunRecord, replace_text, run_folder, write
from o1exp.report.inside import beside, with_links
from o1exp.report.runs import merge
from o1exp.report.table import reported, summary
from o1exp.secrets import masked, masked_config
from o1exp.track import unsent
from o1exp.track.live import live
from o1exp.track.study import log_run, open_study
from o1exp.track.tracking import Begun, Cell
from o1exp.train.launch import launch_obstacles

Over = Callable[[Store], AbstractContextManager[object]]


def run(study: Study, cell: Cell | None = None, over: Over = nullcontext) -> Path:
    """Make the goals, write the run's folder, log it and print the scores. Returns the folder. `over` is open while stages are made.

    Errors: ConfigError before anything starts; StageFailed, BudgetSpent, Stopped, Unwritable with all finished stages kept.
    """
    store = store_of(study)
    with writing(store.root):
        return _run(study, store, cell, over)


def _run(study: Study, store: Store, cell: Cell | None, over: Over) -> Path:
    if absent := stores(store, writes=True):  # what they hold decides what is to be made
        raise ConfigError([*absent, *book(study.ledger, store.root)])
    steps = plan(store, study.wanted, store.remake)
    tell_stale(study, store, steps)
    makes = any(step.state == "make" for step in steps)
    as_jobs = submits(study.machine) and makes
    obstacles = [f"{study.names.get(step.stage.key, step.stage.kind)}: {line}" for step in steps for line in step.obstacles]
    obstacles += launch_obstacles(study.machine) if as_jobs and not obstacles else ()
    if obstacles := [*obstacles, *(book(study.ledger, store.root) if makes else ())]:
        raise ConfigError(obstacles)
    store.root.mkdir(parents=True, exist_ok=True)
    try:
        study.ledger.settle(store.root)
    except ValueError as wrong:
        raise ConfigError([f"ledger.url={study.ledger.url}: {wrong}"]) from wrong
    with store.using(study.wanted):
        if as_jobs:
            if not run_as_jobs(study, store, wait=study.machine.wait or cell is not None):
                return store.root
            steps = plan(store, study.wanted, store.remake)
        return _made(study, store, cell, over, steps)


def _made(study: Study, store: Store, cell: Cell | None, over: Over, steps: list[PlannedStage]) -> Path:
    logged = bool(study.track.enabled and study.report)
    if logged:
        open_study(study.track, store.root, study.config.study)
    begun = Begun()
    with ExitStack() as around:
        if study.report is not None:
            record = record_of(study, store, write_config(study, store))
            if logged and any(step.state == "make" for step in steps):
                begun = around.enter_context(live(study.track, record, cell, study.goals, store))
        around.enter_context(forks.warm(preloads(steps), child_environment(1)))
        around.enter_context(over(store))
        store.make(study.wanted, study.machine.jobs, urgency(steps))
    _tally(store)
    if study.report is None:
        for goal in {goal.key: goal for goal in study.goals.values()}.values():
            store.console.line(escape(f"{study.names[goal.key]}: {_near(store.folder(goal))}"))
        return store.root
    record = write_run(study, store)
    wide(store).print(summary(reported(merge([record]), store.folder(study.report))))
    if logged:
        log_run(study.track, record, cell, begun)
    store.console.line(escape(f"Report: open {_near(record.folder / PAGE)}"))
    store.console.line(escape(f"MLflow: {_shown_by(study, store)}"))
    return record.folder


def run_part(study: Study, letters: Sequence[str]) -> None:
    """What one Slurm job of the run makes: the stages whose keys begin so; with the run's page among them, all that a run does.

    Errors: those of `run`; ConfigError where the run has no such stages any more.
    """
    store = store_of(study)
    if study.report is not None and study.report.key.startswith(tuple(letters)):
        run(study)
        return
    with writing(store.root):
        mine = [stage for stage in walk(study.wanted) if stage.key.startswith(tuple(letters))]
        if not mine:
            raise ConfigError(
                ["the stages of this job are none of the run any more: its settings or its source changed since; run it again"]
            )
        if absent := [*stores(store, writes=True), *book(study.ledger, store.root)]:
            raise ConfigError(absent)
        steps = [step for step in plan(store, mine, store.remake) if step.state == "make"]
        if obstacles := [f"{study.names.get(step.stage.key, step.stage.kind)}: {line}" for step in steps for line in step.obstacles]:
            raise ConfigError(obstacles)
        with forks.warm(preloads(steps), child_environment(1)):
            store.make(mine, study.machine.jobs, urgency(steps))
        _tally(store)


def preloads(steps: list[PlannedStage]) -> list[str]:
    """What is worth loading once for all workers: nothing where only one stage of those to be made starts any."""
    starting = [step.stage.preloads for step in steps if step.state == "make" and step.stage.preloads]
    return list(dict.fromkeys(module for modules in starting for module in modules)) if len(starting) > 1 else []


def write_run(study: Study, store: Store) -> RunRecord:
    """The run's folder under runs/, named by study and report key: its record, the resolved config, the page and the cards."""
    assert study.report is not None
    folder, cards = write_config(study, store), described(study.report)
    record = record_of(study, store, folder)
    write(record)
    for name in ("data", "model"):
        if name in cards:
            shutil.copyfile(store.folder(cards[name]) / "index.html", folder / f"{name}_card.html")
            shutil.copyfile(store.folder(cards[name]) / "README.md", folder / f"{name}_card.md")
    page = (store.folder(study.report) / "index.html").read_text(encoding="utf-8")
    replace_text(folder / PAGE, with_links(page, beside(folder)))
    return record


def record_of(study: Study, store: Store, folder: Path) -> RunRecord:
    """What the run's record says, whether anything is made yet or not."""
    assert study.report is not None
    return RunRecord(
        folder=folder, root=store.root, title=study.config.study, baseline=study.config.baseline, overrides=study.overrides,
        arms={arm: _place(goal) for arm, goal in study.goals.items()}, report=_place(study.report),
        cards={name: _place(card) for name, card in described(study.report).items()},
        stages={name: key for key, name in study.names.items()}, command=study.command, choices=_choices(),
    )  # fmt: skip


def _choices() -> dict[str, str]:
    """The option of every node, as Hydra chose them: the command's, the experiment's, or the default."""
    if not HydraConfig.initialized():
        return {}
    chosen = HydraConfig.get().runtime.choices
    return {str(node): str(option) for node, option in chosen.items() if not str(node).startswith("hydra/") and str(node) != "Root"}


def _place(stage: Stage[Any]) -> str:
    return f"{stage.kind}/{stage.key}"


def write_config(study: Study, store: Store) -> Path:
    """The run's folder with its resolved config, before anything is made: the audit points to it."""
    assert study.report is not None
    folder = run_folder(store.root, run_name(study.config.study, study.report))
    shown = OmegaConf.create(masked_config(OmegaConf.to_container(study.config, resolve=False)))
    replace_text(folder / CONFIG, OmegaConf.to_yaml(shown))
    return folder


def described(report: Stage[Any]) -> dict[str, Stage[Any]]:
    """The audit and the cards of a report, as far as it has them."""
    audit = report.inputs.get("audit")
    return {} if audit is None else {"audit": audit, **audit.inputs}


def verify(study: Study) -> None:
    """Compare every file of every artefact with its digest. Errors: Damaged, naming each file that differs."""
    store = store_of(study)
    count = len(finished(store.root))
    with store.console.live(), store.console.bar("artefacts", count) as bar:
        damaged = list(changed(store.root, bar.advance))
    if damaged:
        number = "1 file is" if len(damaged) == 1 else f"{len(damaged)} files are"
        raise Damaged("\n".join([*damaged, f"{count} artefacts read, {number} damaged"]))
    store.console.line(f"{count} artefacts read: every file is as it was made")


def _tally(store: Store) -> None:
    made = sum(done.made for done in store.done)
    store.console.line(f"{made} {'stage' if made == 1 else 'stages'} made, {len(store.done) - made} reused")


def _shown_by(study: Study, store: Store) -> str:
    """What shows the logged runs, as it is called from here."""
    if not study.track.enabled:
        return "off (track=none)"
    if uri := study.track.uri:
        left, folder = (
            len(unsent.waiting(store.root)),
            [] if store.root == Path("outputs").resolve() else ["--outputs", str(_near(store.root))],
        )
        command = shlex.join(["python", "-m", "o1exp.track", "send", *folder])
        late = f"{unsent.why(store.root)}; {left} kept in {_near(store.root / unsent.FOLDER)}, to be sent by: {command}"
        return masked(late if left else f"logged at {uri}")
    here = store.root == Path("outputs").resolve()
    make = here and Path("Makefile").is_file() and Path("o1exp/track").is_dir()
    command = "make ui" if make else shlex.join(["python", "-m", "o1exp.track", *([] if here else ["--outputs", str(_near(store.root))])])
    return f"{command}, then open http://127.0.0.1:5000"


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
