"""What `action=status` says of jobs that end while it looks."""

import pytest

from o1exp.app import status
from o1exp.app.show import store_of
from o1exp.app.slurm.kept import KeptJob, keep, place
from o1exp.app.slurm.queue import Queued
from o1exp.config.compose import composed, study_of
from o1exp.flow.stage import walk
from tests.inside import Command

WORDS = ("goal=verify", "thought=shortcut", "source.count=5", "track=none")


def test_a_job_that_ends_while_the_queue_is_asked_is_done(o1exp: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(composed(WORDS), WORDS)
    store, keys = store_of(study), tuple(stage.key for stage in walk(study.wanted))
    place(store.root).mkdir(parents=True)
    keep(store.root, KeptJob("study-data-1", "4711", "data", keys, 1.0, "a.log"))

    def ends() -> dict[str, Queued]:
        store.make(study.wanted)
        return {}

    monkeypatch.setattr(status, "queued", ends)
    said = o1exp(*WORDS, "action=status").out
    assert "3 of 3 stages are made: nothing is left to do" in said
    assert "done    study-data-1 (job 4711)" in said
