"""A sweep of a file, and one of its runs, that paid a teacher, made again from their packs: without network, key or a single request."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.chat.layout import NAME
from o1exp.report.__main__ import main
from o1exp.report.again import Pack
from tests.app.commands import TINY, environment
from tests.app.commands import o1exp as script
from tests.app.teacher import CountingTeacher
from tests.chat.parts import rows

FILE = """defaults: [config, _self_]
study: mine
bench: {arithmetic: {samples: 2}}
hydra: {mode: MULTIRUN, sweeper: {params: {verify: "rejection,none"}}}
"""
KEY = "sk-paid-0123456789abcdef0123456789"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_paid_a_teacher_is_made_again_without_network_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CountingTeacher(tmp_path) as server:
        asked = (
            *TINY, "teacher=endpoint", "teacher.model=procedural", f"teacher.base_url={server.base_url}", "teacher.api_key_env=MY_PAID_KEY",
            "teacher.usd_per_million_prompt=1", "teacher.usd_per_million_completion=2", "teacher.max_tokens=400", "track=none",
        )  # fmt: skip
        (tmp_path / "mine.yaml").write_text(FILE)
        done = script(tmp_path, "--config-dir=.", "--config-name=mine", *asked, env={"MY_PAID_KEY": KEY}, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.requests()
    monkeypatch.delenv("MY_PAID_KEY", raising=False)  # and the server is gone
    bought = rows(tmp_path / "outputs" / NAME, "SELECT count(*), sum(usd) FROM ledger")[0]
    assert bought[0] == len(server.requests())
    assert bought[1] > 0
    sweep = next((tmp_path / "outputs" / "runs").glob("*/cells.json")).parent.name
    cell = json.loads((tmp_path / "outputs" / "runs" / sweep / "cells" / "0" / "cell.json").read_text())["run"]
    for name in (sweep, cell):
        assert main(["export", name, "--outputs", str(tmp_path / "outputs"), "--to", str(tmp_path / "packs" / name)]) == 0
    shutil.rmtree(tmp_path / "outputs")  # a pack stands alone
    assert not [file for file in (tmp_path / "packs").rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    for name, arms in ((sweep, 2), (cell, 1)):
        pack, root = tmp_path / "packs" / name, tmp_path / f"again-{name}"
        words = [sys.executable, "-m", "o1exp.report", "reproduce", str(pack), "--outputs", str(root), "--json"]
        plain = {key: value for key, value in environment(None).items() if key != "MY_PAID_KEY"}
        made = subprocess.run(words, cwd=tmp_path, env={**os.environ, **plain}, capture_output=True, text=True, timeout=500, check=False)
        assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
        told = json.loads(made.stdout)  # and nothing else: what the run says goes to stderr
        assert told["counts"]["equal"] > 20 * arms
        assert told["counts"]["within"] == told["counts"]["different"] == 0
        assert len(Pack.read(pack).arms) == arms
        assert rows(root / NAME, "SELECT count(*) FROM ledger") == [(0,)], "no answer was bought"
        assert rows(root / NAME, "SELECT count(*) FROM answers") == [(bought[0],)]
