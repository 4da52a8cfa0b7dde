"""Where artefacts and answers lie: chosen on the command line, checked before anything starts, and no part of a key."""

from pathlib import Path

import pytest

from o1exp.config.compose import Study, composed, study_of
from o1exp.config.error import ConfigError


def study(*words: str) -> Study:
    overrides = ["experiment=quickstart", *words]
    return study_of(composed(overrides), overrides, single=True)


def test_no_place_is_part_of_a_key(tmp_path: Path) -> None:
    plain, placed = (
        study(),
        study("store=shared", f"store.url={tmp_path}", "ledger=postgres", "ledger.url=postgresql://h/d", "store.locks=heartbeat"),
    )
    assert [goal.key for goal in placed.goals.values()] == [goal.key for goal in plain.goals.values()]
    assert (placed.store.url, placed.store.locks, placed.ledger.url) == (str(tmp_path), "heartbeat", "postgresql://h/d")
    assert (plain.store.url, plain.ledger.url) == ("", "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["store=shared"], r"store\.url.*is required: a folder that the machines see, or a bucket"),
        (["ledger=postgres"], r"ledger\.url.*is required: give a database"),
        (["store.locks=paxos"], r"store\.locks=paxos"),
        (["store.readonly=[s3://me:pass-word-1@b/x]"], r"AWS_ACCESS_KEY_ID|puts? it into an environment variable|holds an address"),
        (["ledger.url=mysql://h/d"], r"ledger\.url=mysql://h/d: is no address of a PostgreSQL database"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(words: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as wrong:
        study(*words)
    assert "pass-word-1" not in str(wrong.value)
