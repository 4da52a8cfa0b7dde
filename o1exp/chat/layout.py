"""The tables of `requests.sqlite`, and of a PostgreSQL database: answers, and what they cost.

An older file is brought to it by its writer.
"""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

NAME = "requests.sqlite"
SCHEMA = 5
TABLES = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, text TEXT NOT NULL, reasoning TEXT NOT NULL, finish_reason TEXT NOT NULL,
    model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd REAL NOT NULL,
    estimated INTEGER NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY, study TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd REAL NOT NULL, time REAL NOT NULL
);
CREATE TABLE totals (study TEXT PRIMARY KEY, usd REAL NOT NULL, lost_usd REAL NOT NULL);
CREATE TABLE claims (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, study TEXT NOT NULL, model TEXT NOT NULL, bound_usd REAL NOT NULL,
    likely_prompt INTEGER NOT NULL, likely_completion INTEGER NOT NULL, likely_usd REAL NOT NULL
);
"""
"""Layout 1; what came later is in STEPS."""
STEPS = {
    1: """
ALTER TABLE ledger ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN struck TEXT NOT NULL DEFAULT '';
ALTER TABLE claims ADD COLUMN stage TEXT NOT NULL DEFAULT '';
CREATE INDEX ledger_key ON ledger (key);
CREATE TABLE uses (stage TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (stage, key)) WITHOUT ROWID;
""",
    2: """
ALTER TABLE ledger ADD COLUMN struck_by TEXT NOT NULL DEFAULT '';
CREATE INDEX ledger_model ON ledger (model, kind);
ALTER TABLE answers ADD COLUMN base TEXT NOT NULL DEFAULT '';
UPDATE answers SET base=base_key(asked);
CREATE INDEX answers_base ON answers (base);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, study TEXT NOT NULL, stage TEXT NOT NULL, making TEXT NOT NULL, key TEXT NOT NULL,
    model TEXT NOT NULL, reason TEXT NOT NULL, usd REAL NOT NULL, final INTEGER NOT NULL
);
CREATE INDEX attempts_stage ON attempts (stage);
""",
    3: """
ALTER TABLE answers ADD COLUMN came TEXT NOT NULL DEFAULT '{}';
""",
    4: """
CREATE INDEX ledger_stage ON ledger (stage);
CREATE TABLE dearest (
    model TEXT NOT NULL, usd_per_prompt REAL NOT NULL, usd_per_completion REAL NOT NULL, seen INTEGER NOT NULL, usd REAL NOT NULL,
    PRIMARY KEY (model, usd_per_prompt, usd_per_completion)
) WITHOUT ROWID;
""",
}
"""From each layout to the next. `stage` is "Distil/<key>", empty before layout 2; `struck` the reason why a row no longer counts, else
empty; `uses` the answers that each stage stands on, whoever paid for them; `base` the key without max_tokens; `attempts` those that failed,
with what they may have cost, and `final` where the request was left out of that `making` of the stage; `came` how an answer
came (address, field of the thought, refusal), as JSON; `dearest` the most that an answer of a model comes to at some prices, among the
rows of the ledger up to `seen`, so that no asker reads all of them."""

POSTGRES = """
SET LOCAL search_path=o1exp;
CREATE TABLE layout (version INTEGER NOT NULL);
CREATE TABLE answers (
    key TEXT COLLATE "C" PRIMARY KEY, asked TEXT NOT NULL, text TEXT NOT NULL, reasoning TEXT NOT NULL, finish_reason TEXT NOT NULL,
    model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd DOUBLE PRECISION NOT NULL,
    estimated INTEGER NOT NULL, time DOUBLE PRECISION NOT NULL, base TEXT NOT NULL, came TEXT NOT NULL
);
CREATE INDEX answers_base ON answers (base);
CREATE TABLE ledger (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, study TEXT COLLATE "C" NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
    model TEXT COLLATE "C" NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd DOUBLE PRECISION NOT NULL,
    time DOUBLE PRECISION NOT NULL, stage TEXT COLLATE "C" NOT NULL, struck TEXT NOT NULL DEFAULT '', struck_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX ledger_key ON ledger (key);
CREATE INDEX ledger_model ON ledger (model, kind, id);
CREATE TABLE totals (study TEXT COLLATE "C" PRIMARY KEY, usd DOUBLE PRECISION NOT NULL, lost_usd DOUBLE PRECISION NOT NULL);
CREATE TABLE claims (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, study TEXT COLLATE "C" NOT NULL, model TEXT NOT NULL, bound_usd DOUBLE PRECISION NOT NULL,
    likely_prompt INTEGER NOT NULL, likely_completion INTEGER NOT NULL, likely_usd DOUBLE PRECISION NOT NULL, stage TEXT NOT NULL
);
CREATE TABLE uses (stage TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (stage, key));
CREATE TABLE attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, time DOUBLE PRECISION NOT NULL, study TEXT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL, making TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, reason TEXT COLLATE "C" NOT NULL,
    usd DOUBLE PRECISION NOT NULL, final INTEGER NOT NULL
);
CREATE INDEX attempts_stage ON attempts (stage);
CREATE TABLE limits (
    name TEXT PRIMARY KEY, requests DOUBLE PRECISION NOT NULL, tokens DOUBLE PRECISION NOT NULL, counted DOUBLE PRECISION NOT NULL,
    held_until DOUBLE PRECISION NOT NULL
);
"""
"""The tables of layout 4 in PostgreSQL, in a schema of their own; `limits` lies in files beside a `requests.sqlite`."""
POSTGRES_STEPS = {
    4: """
CREATE INDEX ledger_stage ON ledger (stage);
CREATE TABLE dearest (
    model TEXT COLLATE "C" NOT NULL, usd_per_prompt DOUBLE PRECISION NOT NULL, usd_per_completion DOUBLE PRECISION NOT NULL,
    seen BIGINT NOT NULL, usd DOUBLE PRECISION NOT NULL, PRIMARY KEY (model, usd_per_prompt, usd_per_completion)
);
""",
}
"""From each layout to the next."""
FIRST_POSTGRES = 4


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to the present layout. Errors: ValueError for a layout of a later o1exp."""
    found = layout(connection, path)
    if found < SCHEMA:
        connection.create_function("base_key", 1, lambda asked: base_key(json.loads(asked)), deterministic=True)
        steps = "".join(STEPS[step] for step in range(max(found, 1), SCHEMA))
        connection.executescript(f"BEGIN IMMEDIATE; {'' if found else TABLES} {steps} PRAGMA user_version={SCHEMA}; COMMIT;")


def layout(connection: sqlite3.Connection, path: Path) -> int:
    """The layout of the file, 0 for a new one. Errors: ValueError for a layout of a later o1exp."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA:
        raise ValueError(
            f"{path} has layout {found}, this o1exp reads up to {SCHEMA}: use the one that wrote it, or another outputs folder"
        )
    return found


def base_key(question: dict[str, Any]) -> str:
    """What names a question whatever the most tokens of its answer are."""
    sampling = {name: value for name, value in question.get("sampling", {}).items() if name != "max_tokens"}
    return hashlib.sha256(json.dumps({**question, "sampling": sampling}, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
