"""How a run stands: which stages are made, which jobs wait or run, and how far what was begun is."""

import json
from collections.abc import Iterator
from typing import Any

from o1exp.app.show import named, readable
from o1exp.app.slurm.kept import KeptJob
from o1exp.app.slurm.queue import Queued, queued
from o1exp.app.slurm.states import standing
from o1exp.app.slurm.submit import of_study
from o1exp.config.compose import Study
from o1exp.flow.stage import Stage, walk
from o1exp.flow.store import Store


def show_status(study: Study) -> None:
    """Print it. Only reads."""
    store = readable(study)
    jobs = of_study(study, store)
    live: dict[str, Queued] | None = queued() if jobs else {}  # before what is made: a job that ends between the two has made it
    stages, missing = walk(study.wanted), store.missing(study.wanted, store.remake)
    lines = [f"{len(stages) - len(missing)} of {len(stages)} stages are made" + ("" if missing else ": nothing is left to do")]
    lines += [*_jobs(jobs, live, store, {stage.key for stage in missing}), *_begun(study, store, missing)]
    for line in lines:
        store.console.terminal.print(line, markup=False, highlight=False, soft_wrap=True)


def _jobs(jobs: list[KeptJob], live: dict[str, Queued] | None, store: Store, missing: set[str]) -> Iterator[str]:
    if live is None:
        yield "squeue does not answer, so that it is not known which jobs wait or run"
        return
    covered: set[str] = set()
    for job in jobs:
        now = standing(store.root, job, missing, live)
        covered |= set(job.keys)
        yield f"  {now.state:<8}{job.name} (job {job.number or '?'}){f': {now.said}' if now.said else ''}"
    if jobs and (left := missing - covered):
        yield f"  {len(left)} {'stage is' if len(left) == 1 else 'stages are'} in no job; the same command submits them"


def _begun(study: Study, store: Store, missing: list[Stage[Any]]) -> Iterator[str]:
    for stage in missing:
        rows = store.root / "scratch" / f"{stage.kind}-{stage.key}" / "output.rows"
        last = (
            next((row for line in reversed(rows.read_text(encoding="utf-8").splitlines()) if "step" in (row := _row(line))), None)
            if rows.is_file()
            else None
        )
        if last:
            yield f"  begun   {named(study, stage)}: step {last['step']:,} of {last['steps']:,}, loss {last['loss']:.3f}"


def _row(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
