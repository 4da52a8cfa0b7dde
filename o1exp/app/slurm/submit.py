"""Submit what is missing as jobs, and wait for them. Whoever runs the command again finds them in the queue and waits too."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from o1exp.app.show import named
from o1exp.app.slurm.jobs import SlurmJob, parts, slurm_jobs
from o1exp.app.slurm.kept import KeptJob, forget, keep, kept, place, submitting
from o1exp.app.slurm.queue import Queued, QueueFailed, queued, submit
from o1exp.app.slurm.states import Standing, covering, standing
from o1exp.config.compose import Study
from o1exp.flow import Machine
from o1exp.flow.errors import StageFailed
from o1exp.flow.plan import plan
from o1exp.flow.stage import walk
from o1exp.flow.store import Store
from o1exp.secrets import environment

FIRST, LONGEST = 0.5, 30.0
"""Seconds between two looks at the queue, at first and at most."""
REFUSED = (
    "what was submitted before goes on (action=status shows it); the same command submits the rest, where a limit is full once it has "
    "room; machine.partition, machine.account, machine.hours and machine.sbatch say what is asked for"
)
LOOKS = 3
"""So often a job is looked for that has left the queue: a shared folder shows what it made a little later."""


def submits(machine: Machine) -> bool:
    """Is this a login node, where a run means jobs? Inside a job, the run uses what that has."""
    return machine.launcher == "slurm" and "SLURM_JOB_ID" not in os.environ


def run_as_jobs(study: Study, store: Store, wait: bool) -> bool:
    """Submit and wait until all is made; returns False where the jobs are left to themselves.

    Errors: QueueFailed; StageFailed with a sentence for each job that failed.
    """
    mine = submit_missing(study, store)
    if not wait:
        jobs = "1 job is" if len(mine) == 1 else f"{len(mine)} jobs are"
        store.console.line(f"{jobs} queued or running; action=status shows how they stand")
        return False
    try:
        failed = _waited(study, store, mine)
    except KeyboardInterrupt:
        numbers = " ".join(dict.fromkeys(job.number for job in mine))
        store.console.line(f"the jobs go on: action=status shows how they stand, the same command waits again, scancel {numbers} ends them")
        raise
    if failed:
        raise StageFailed("\n".join(_told(failed)))
    return True


def _told(failed: list[Standing]) -> Iterator[str]:
    """A sentence for each job that failed itself, and one for those that only needed it."""
    numbers = {one.job.number for one in failed}
    behind = [one.job.name for one in failed if set(one.job.after) & numbers]
    yield from (f"{one.job.name} (job {one.job.number}) {one.said}" for one in failed if one.job.name not in behind)
    if behind:
        yield f"not run, since they need what failed: {', '.join(behind)}"


def submit_missing(study: Study, store: Store) -> list[KeptJob]:
    """The jobs that make what is missing: those that are in the queue already, and new ones for the rest."""
    with submitting(store.root):
        live = _live(store)
        steps = plan(store, study.wanted, store.remake)
        there = covering(store.root, {step.stage.key for step in steps if step.state == "make"}, live)
        new = parts([step for step in steps if step.stage.key not in there])
        mine = list({job.number: job for job in there.values()}.values())
        numbers: list[str] = []
        for part, job in zip(new, slurm_jobs(study, new, place(store.root)), strict=True):
            edges = (inner.key for step in part.steps for inner in step.stage.inputs.values())
            after = [numbers[at] for at in sorted(part.needs)] + [there[key].number for key in edges if key in there]
            asks = any(step.expect.requests for step in part.steps)
            mine.append(_submitted(store.root, job, list(dict.fromkeys(after)), asks))
            numbers.append(mine[-1].number)
            waits = f", after {', '.join(dict.fromkeys(after))}" if after else ""
            made = ", ".join(dict.fromkeys(named(study, step.stage) for step in part.steps))
            store.console.line(f"[cyan]queued[/]  {escape(job.name)}: job {mine[-1].number} ({_size(job)}{waits}): {escape(made)}")
    return mine


def _submitted(root: Path, job: SlurmJob, after: list[str], asks: bool) -> KeptJob:
    """The file of a job stands before it is submitted: should this process end in between, its name finds it in the queue."""
    known = KeptJob(job.name, "", job.kind, job.keys, job.hours, str(job.log), tuple(after))
    keep(root, known)
    script = place(root) / f"{job.name}.sbatch"
    script.write_text(job.script + "\n", encoding="utf-8")
    # Jobs inherit the environment: keys of models that are asked go to those that ask, and to no other.
    try:
        number = submit(script, after, os.environ if asks else environment())
    except QueueFailed as refused:
        forget(root, known)  # it is no job that vanished
        raise QueueFailed(f"{refused}\n{REFUSED}") from refused
    numbered = replace(known, number=number)
    keep(root, numbered)
    return numbered


def _size(job: SlurmJob) -> str:
    gpus = f" x {job.gpus} GPUs" if job.gpus else ""
    return f"{job.nodes} {'node' if job.nodes == 1 else 'nodes'}{gpus}"


def _waited(study: Study, store: Store, mine: list[KeptJob]) -> list[Standing]:
    """Tell what changes until no job of these is left; those that ended without having made their stages."""
    known: dict[str, str] = {}
    absent: dict[str, int] = {}
    pause = FIRST
    while True:
        live = _live(store)
        missing = {stage.key for stage in store.missing(study.wanted, store.remake)}
        now = [standing(store.root, job, missing, live) for job in mine]
        for one in now:
            absent[one.job.number] = absent.get(one.job.number, 0) + 1 if one.state == "failed" else 0
            ended = one.state != "failed" or absent[one.job.number] >= LOOKS
            before = known.get(one.job.number, "queued")
            if ended and before != one.state:
                _tell(store, one)
                pause = FIRST
            known[one.job.number] = one.state if ended else before
        if all(known.get(job.number) in ("done", "failed") for job in mine):
            return [one for one in now if one.state == "failed"]
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST)


def _tell(store: Store, one: Standing) -> None:
    colour = {"done": "green", "failed": "bold red"}.get(one.state, "cyan")
    said = f": {one.said}" if one.said else ""
    store.console.line(f"[{colour}]{one.state:<8}[/] {escape(f'{one.job.name} (job {one.job.number}){said}')}")


def _live(store: Store) -> Mapping[str, Queued]:
    """The queue; while Slurm does not answer, this waits: that says nothing about the jobs."""
    told, pause = False, FIRST
    while (found := queued()) is None:
        if not told:
            store.console.line("[yellow]waiting[/] squeue does not answer; the jobs go on meanwhile")
            told = True
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST)
    return found


def of_study(study: Study, store: Store) -> list[KeptJob]:
    """The submitted jobs that have a stage of the study."""
    keys = {stage.key for stage in walk(study.wanted)}
    return [job for job in kept(store.root) if keys & set(job.keys)]
