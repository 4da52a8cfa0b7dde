"""What `action=status` says of jobs that end while it looks."""

import os
from pathlib import Path

import pytest

from o1exp.app.show import store_of
from o1exp.app.slurm.kept import KeptJob, keep, place
from o1exp.config.compose import composed, study_of
from o1exp.flow.stage import walk
from tests.inside import Command

WORDS = ("goal=verify", "thought=shortcut", "source.count=5", "track=none")


def test_a_job_that_ends_while_the_queue_is_asked_is_done(o1exp: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job's artefacts come while squeue, which has no job any more, answers."""
    study = study_of(composed(WORDS), WORDS)
    store, keys = store_of(study), tuple(stage.key for stage in walk(study.wanted))
    place(store.root).mkdir(parents=True)
    keep(store.root, KeptJob("study-data-1", "4711", "data", keys, 1.0, "a.log"))
    store.make(study.wanted)
    (store.root / "artefacts").rename(tmp_path / "made")
    squeue = tmp_path / "bin" / "squeue"
    squeue.parent.mkdir()
    squeue.write_text(f"#!/bin/sh\nmv '{tmp_path / 'made'}' '{store.root / 'artefacts'}'\n")
    squeue.chmod(0o700)
    monkeypatch.setenv("PATH", f"{squeue.parent}{os.pathsep}{os.environ['PATH']}")
    said = o1exp(*WORDS, "action=status").out
    assert "3 of 3 stages are made: nothing is left to do" in said
    assert "done    study-data-1 (job 4711)" in said
