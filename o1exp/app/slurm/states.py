"""How each job of a study stands, as the files and Slurm know it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from o1exp.app.slurm.kept import KeptJob, ending, kept
from o1exp.app.slurm.queue import Queued, how_ended

WORDS = {
    "TIMEOUT": "reached its time limit of {hours} hours; what was done is kept and the same command goes on; machine.hours=... sets it",
    "CANCELLED": "was cancelled",
    "OUT_OF_MEMORY": "needed more memory than it was given; machine.sbatch=[--mem=...] asks for more",
    "NODE_FAIL": "lost its node; the same command goes on",
    "PREEMPTED": "was preempted and not put back into the queue; the same command goes on",
}
"""Sentences for Slurm's words of how a job ended."""


@dataclass(frozen=True)
class Standing:
    """A job and its state: queued, running, done, or failed with the reason."""

    job: KeptJob
    state: str
    said: str = ""


def standing(root: Path, job: KeptJob, missing: set[str], live: Mapping[str, Queued]) -> Standing:
    """How the job stands; `missing` are the keys of stages that are not made."""
    now = live.get(job.number) or next((one for one in live.values() if not job.number and one.name == job.name), None)
    if not missing & set(job.keys):
        return Standing(job, "done")
    if now is not None:
        return Standing(job, "running" if now.state in ("RUNNING", "COMPLETING") else "queued", now.where)
    return Standing(job, "failed", why_failed(root, job))


def why_failed(root: Path, job: KeptJob) -> str:
    """A sentence for a job that is not in the queue any more and has not made its stages."""
    known = ending(root, job)
    if known is not None and known.code:
        return f"{known.said} (its log: {job.log})"
    word = how_ended(job.number) if job.number else ""
    if word in WORDS:
        return f"{WORDS[word].format(hours=f'{job.hours:.0f}')} (its log: {job.log})"
    if word:
        return f"ended as {word}; its log says more: {job.log}"
    return f"vanished: it is not in the queue, and nothing says how it ended; the same command submits it again (its log: {job.log})"


def covering(root: Path, keys: set[str], live: Mapping[str, Queued]) -> dict[str, KeptJob]:
    """Which job in the queue makes which of the stages, whoever submitted it."""
    found: dict[str, KeptJob] = {}
    by_name = {one.name: number for number, one in live.items()}
    for job in kept(root):
        number = job.number or by_name.get(job.name, "")
        if number in live:
            found |= {key: replace(job, number=number) for key in job.keys if key in keys}
    return found
