"""What a book of answers, its money and a store of artefacts cost as they grow: a look-up, a claim with its payment, a find by key.

python -m tests.speed.stores [ANSWERS] [ARTEFACTS]: the same at sizes of one's own, e.g. 10000000 1000000, printed.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from o1exp.chat.accounts import open_book
from o1exp.chat.book import ROW
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.prices import Price
from o1exp.flow.artefacts import Artefacts
from o1exp.flow.garbage import collect
from o1exp.flow.nearest import reasons
from o1exp.flow.stock import holds_of
from o1exp.flow.storage import Storage
from o1exp.records import Usage
from tests.flow.stages import Head, Numbers
from tests.speed.measure import Measure

LOOKS = 2000
CLAIMS = 300
"""Claims of each of the processes that race."""

RACING = """
import sys, time
from pathlib import Path
from o1exp.chat.cache import Cache
from o1exp.chat.layout import NAME
from o1exp.chat.ledger import Claim, Ledger
from o1exp.chat.prices import Price
from o1exp.records import Usage
root, asker, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cache, used = Cache(root / NAME), Usage(prompt_tokens=1, completion_tokens=1, usd=0.01)
ledger = Ledger(cache, root / "locks", "study", f"Ask/{asker}")
(root / f"ready-{asker}").touch()
while not (root / "go").exists():
    time.sleep(0.005)
for number in range(count):
    key = f"{asker}-{number}"
    assert ledger.claim(key, "m", Price(0.01, used), 1e9) is Claim.MINE
    with cache.transaction(durable=True):
        ledger.pay(key, "m", used)
ledger.close()
"""


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def answered(root: Path, count: int) -> None:
    """A request cache with so many answers, filled in the order of its keys."""
    root.mkdir(parents=True, exist_ok=True)
    with closing(Cache(root / NAME)) as cache:
        sql = cache.connection
        sql.execute("PRAGMA synchronous=OFF")
        sql.execute("DROP INDEX answers_base")
        asked = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 120}], "sampling": {"max_tokens": 512}})
        keys = sorted(map(key, range(count)))
        with cache.transaction():
            rows = ((one, asked, "y" * 200, "", "stop", "m", 60, 80, 0.001, 0, 0.0, one[::-1], "{}") for one in keys)
            sql.executemany("INSERT INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)
        sql.execute("CREATE INDEX answers_base ON answers (base)")


def billed(root: Path, count: int) -> None:
    """A book with so many rows of money, of a thousand stages that stand on as many answers each."""
    root.mkdir(parents=True, exist_ok=True)
    with closing(Cache(root / NAME)) as cache:
        sql, indexes = cache.connection, {"key": "key", "model": "model, kind", "stage": "stage"}
        sql.execute("PRAGMA synchronous=OFF")
        for name in indexes:
            sql.execute(f"DROP INDEX ledger_{name}")
        with cache.transaction():
            rows = (("study", f"Ask/{n % 1000}", key(n), "answered", "m", 60, 80 + n % 50, 0.001, 0.0) for n in range(count))
            sql.executemany(ROW, rows)
            sql.execute("INSERT INTO uses SELECT stage, key FROM ledger ORDER BY stage, key")
        for name, columns in indexes.items():
            sql.execute(f"CREATE INDEX ledger_{name} ON ledger ({columns})")


def begins(root: Path) -> float:
    """Median milliseconds from opening the book to the first claim of an asker, and until it has closed it again."""
    seconds = []
    for number in range(6):
        began = time.perf_counter()
        with closing(Cache(root / NAME)) as cache, closing(Ledger(cache, root / "locks", "study", f"Ask/{number}")) as ledger:
            used = Usage(prompt_tokens=1, completion_tokens=1, usd=0.01)
            assert ledger.claim(f"new-{number}", "m", Price(0.01, used, 1e-6, 4e-6), 1e9) is Claim.MINE
            ledger.give_back(f"new-{number}")
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds[1:])  # the first one notes what it read


def summed(root: Path) -> float:
    """Median milliseconds of what a page asks the book about one stage: what it paid, and what its answers cost."""
    seconds = []
    for number in range(5):
        began = time.perf_counter()
        with open_book(root) as book:
            assert book.paid([f"Ask/{number}"]).answered
            assert book.answers([f"Ask/{number}"]).answered
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)


def look_up(root: Path, count: int) -> float:
    """Median milliseconds of a look-up: half of them find nothing."""
    dice, seconds = random.Random(0), []
    with closing(Cache(root / NAME)) as cache:
        for _ in range(LOOKS):
            wanted = key(dice.randrange(2 * count))
            began = time.perf_counter()
            cache.find(wanted)
            seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)


def contention(root: Path, askers: int) -> float:
    """Claims and payments a second of so many processes together."""
    root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", RACING, str(root)]
    racing = [subprocess.Popen([*command, str(number), str(CLAIMS)]) for number in range(askers)]
    while len(list(root.glob("ready-*"))) < askers:
        assert all(one.poll() is None for one in racing)
        time.sleep(0.01)
    began = time.monotonic()
    (root / "go").touch()
    assert [one.wait() for one in racing] == [0] * askers
    return askers * CLAIMS / (time.monotonic() - began)


def artefacts(root: Path, count: int) -> Path:
    """A store with so many artefacts beside the one that is looked for: folders with a manifest and a file."""
    place = root / "artefacts" / "Head"
    for number in range(count):
        folder = place / key(number)[:24]
        folder.mkdir(parents=True)
        stored = {
            "key": folder.name,
            "version": 1,
            "settings": {"keep": 3 + number},
            "inputs": {"problems": key(-number)},
        }
        (folder / "manifest.json").write_text(json.dumps(stored))
        (folder / "rows.parquet").write_text("x")
    return root


def find(root: Path) -> float:
    """Median milliseconds of looking for an artefact that is not there: it must not list the others."""
    seconds = []
    for number in range(LOOKS):
        store, goal = Artefacts(root), Head(problems=Numbers(count=number + 1))
        assert goal.key
        began = time.perf_counter()
        store.has(goal)
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)


def explained(root: Path) -> float:
    """Milliseconds of asking why two stages of a kind would be made."""
    began = time.perf_counter()
    asked = [Head(problems=Numbers(count=1_000_000 + number)) for number in range(2)]
    assert len(reasons(Artefacts(root), asked)) == 2
    return 1000 * (time.perf_counter() - began)


def garbage(root: Path) -> float:
    """Milliseconds of a dry run over a store that nobody needs."""
    began = time.perf_counter()
    assert collect(root, holds_of(root, Storage()), [], frozenset(), dry_run=True)
    return 1000 * (time.perf_counter() - began)


def growing(folder: Path) -> list[Measure]:
    """The same look-ups in small and in large places: what has to list, or to scan, takes longer in the large one."""
    small, large = 10_000, 200_000
    for count in (small, large):
        answered(folder / f"answers{count}", count)
        billed(folder / f"rows{count}", count)
    artefacts(folder / "few", 100)
    artefacts(folder / "many", 10_000)
    found, unit = {count: 1 / look_up(folder / f"answers{count}", count) for count in (small, large)}, "look-ups/ms"
    began = {count: begins(folder / f"rows{count}") for count in (small, large)}
    return [
        Measure("a request cache of 200,000 answers", "one of 10,000", unit, found[large], found[small]),
        Measure("an asker begins at 200,000 rows of money", "at 10,000", "1/s", 1000 / began[large], 1000 / began[small]),
        Measure("an artefact among 10,000", "among 100", unit, 1 / find(folder / "many"), 1 / find(folder / "few")),
        Measure("why, among 10,000 artefacts", "among 100", "1/s", 1000 / explained(folder / "many"), 1000 / explained(folder / "few")),
        Measure(
            "garbage looked for among 10,000", "among 100", "artefacts/s", 1e7 / garbage(folder / "many"), 1e5 / garbage(folder / "few")
        ),
        Measure("4 processes that claim and pay", "one", "1/s", contention(folder / "four", 4), contention(folder / "one", 1)),
    ]


def main(words: list[str]) -> None:
    answers, folders = (int(word) for word in (*words, "1000000", "100000")[:2])
    with tempfile.TemporaryDirectory(prefix="o1exp-stores-") as name:
        root = Path(name)
        began = time.monotonic()
        answered(root / "answers", answers)
        size = sum(path.stat().st_size for path in (root / "answers").glob("requests*")) / 1e9
        print(
            f"{answers:,} answers in {time.monotonic() - began:.0f} s, {size:.1f} GB: look-up {look_up(root / 'answers', answers):.3f} ms",
            flush=True,
        )
        began = time.monotonic()
        artefacts(root / "store", folders)
        print(f"{folders:,} artefacts in {time.monotonic() - began:.0f} s: find {find(root / 'store'):.3f} ms", flush=True)
        print(f"why {explained(root / 'store'):.0f} ms, garbage on a dry run {garbage(root / 'store') / 1000:.1f} s", flush=True)
        billed(root / "rows", answers)
        print(f"{answers:,} rows of money: an asker begins in {begins(root / 'rows'):.0f} ms", flush=True)
        for askers in (1, 4, 8):
            print(f"{askers} processes: {contention(root / str(askers), askers):.0f} claims and payments a second", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
