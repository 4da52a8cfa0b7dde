"""Many processes race for the money of one study: the sum never passes the stop, whatever the book is."""

import asyncio
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from o1exp.chat.accounts import open_book
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.pace import Limit, Pace
from o1exp.chat.prices import Price
from o1exp.records import Usage
from tests.chat.test_processes import ROOT
from tests.waiting import LONG

RACING = """
import sys
from pathlib import Path
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.prices import Price
from o1exp.records import Usage
root, count, cap = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
cache = Cache(root / NAME)
ledger = Ledger(cache, root / "locks", "study", f"Ask/{sys.argv[4]}")
used = Usage(prompt_tokens=1, completion_tokens=1, usd=0.01)
mine = 0
for number in range(count):
    if ledger.claim(f"key{number}", "m", Price(0.01, used), cap) is Claim.MINE:
        if number % 5 == 4:
            ledger.lose(f"key{number}", "m", "cut off")
        else:
            with cache.transaction(durable=True):
                ledger.pay(f"key{number}", "m", used)
        mine += 1
ledger.close()
cache.close()
"""


def test_many_processes_race_for_the_budget(tmp_path: Path) -> None:
    root, cap = tmp_path / "outputs", 0.5
    root.mkdir(exist_ok=True)
    command = [sys.executable, "-c", RACING, str(root), "80", str(cap)]
    racing = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in range(6)]
    assert [process.wait(LONG) for process in racing] == [0] * 6
    with open_book(root) as book:
        (account,) = book.studies().values()
        assert book.reserved() == {}
        assert account.usd == pytest.approx(cap)
        assert account.answered + account.lost == 50
        assert len({entry.stage for entry in book.entries()}) >= 1


def test_a_pause_holds_for_all(tmp_path: Path) -> None:
    with closing(Cache(tmp_path / NAME)) as one, closing(Cache(tmp_path / NAME)) as two:
        shared = [cache.base.limits(tmp_path / "locks", "http://h/v1", "KEY") for cache in (one, two)]
        limits = [Pace(one, Limit(1), Limit(0), asyncio.Event()) for one in shared]
        assert limits[0].take(1) == 0.0
        assert 0 < limits[1].take(1) <= 60
        limits[0].hold(200)
        assert 100 < limits[1].take(1) <= 200
        for pace in limits:
            pace.close()


def test_who_was_taken_for_dead_and_answers_after_all_is_counted_once(tmp_path: Path) -> None:
    used = Usage(prompt_tokens=1, completion_tokens=1, usd=0.25)
    with closing(Cache(tmp_path / NAME)) as one, closing(Cache(tmp_path / NAME)) as two:
        slow, other = (Ledger(cache, tmp_path / "locks", "study", "Ask/a") for cache in (one, two))
        assert slow.claim("key", "m", Price(0.25, used), 1.0) is Claim.MINE
        with two.transaction():
            other._bury(slow.owner)
        assert other.lost() == 0.25
        with one.transaction():
            slow.pay("key", "m", used)
        assert (other.spent(), other.lost()) == (0.25, 0.0)
        slow.close()
        other.close()
