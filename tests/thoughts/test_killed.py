"""kill -9 at 20 random moments of a tree search: the same table, and no finished request is sent again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from o1exp.chat.layout import NAME
from o1exp.chat.request import Message, Request, seed_sent
from o1exp.chat.servers.loopback import Loopback
from o1exp.thoughts.walk import Walk
from tests.chat.parts import rows
from tests.thoughts.parts import facts, store
from tests.thoughts.searched import SUMS, asked, study
from tests.thoughts.searching import Asked, Problems, Server, good, played
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


def kept(root: Path, address: str) -> set[tuple[str, int]]:
    """The kept answers under the names that the server gives their requests: text and seed."""
    if not (root / NAME).exists() or not rows(root / NAME, "SELECT 1 FROM sqlite_master WHERE name='answers'"):
        return set()
    found = set()
    for question in (json.loads(text) for (text,) in rows(root / NAME, "SELECT asked FROM answers")):
        messages = tuple(Message(**message) for message in question["messages"])
        seed = seed_sent(asked(address, question["model"]), Request(messages, question["draw"]))
        found.add((messages[-1].content, seed))
    return found


@pytest.mark.slow
def test_a_search_that_is_killed_twenty_times_comes_out_as_one_that_was_not(tmp_path: Path) -> None:
    played_sums, dice, root = played(**good(slip_rate=0.3, misjudge_rate=0.05)), random.Random(0), tmp_path / "outputs"

    def write(request: Asked) -> str:
        time.sleep(0.02)
        return played_sums(request)

    server = Server(write)
    with Loopback(server) as at:
        marks = list[tuple[set[tuple[str, int]], int]]()
        for _ in range(20):
            process = subprocess.Popen([sys.executable, "-m", "tests.thoughts.searched", str(root), at.base_url], cwd=ROOT)
            wanted = len(server.asked) + dice.randint(2, 40)
            until(lambda: len(server.asked) >= wanted or process.poll() is not None)  # noqa: B023  (it is asked here)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            known = kept(root, at.base_url)
            time.sleep(0.2)  # what is on its way when its sender dies comes to its end at the server
            marks.append((known, len(server.asked)))
        stage = study(at.base_url)
        store(root).get(stage)
        for known, before in marks:
            assert not known & {(request.text, request.seed) for request in server.asked[before:]}, "nothing is asked again"
        assert sum(bool(known) for known, _ in marks) > 15
        whole = len(server.asked)
        store(root).get(Walk(trees=stage, problems=Problems(sums=SUMS), seed=1))
        store(root).get(Walk(trees=stage, problems=Problems(sums=SUMS), trials=3))
        assert len(server.asked) == whole, "walking again sends nothing"
        calm = store(tmp_path / "calm")
        calm.get(stage)
        once = Counter((request.text, request.seed) for request in server.asked[whole:])
    manifests = [one.manifest(stage) for one in (store(root), calm)]
    assert len({manifest.digest for manifest in manifests if manifest is not None}) == 1
    assert set(once.values()) == {1}
    assert facts(store(root), stage)["right"] == facts(calm, stage)["right"] > 30
