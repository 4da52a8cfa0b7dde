"""What files hold, as sha256: a large file is read once and then known by its place, size and times, in the user's cache."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

LARGE = 2**24
"""Bytes from which a file's digest is remembered."""
SLOW = 2**30
"""Bytes to read from which a person is told."""
BLOCK = 2**22
FRESH_SECONDS = 2.0
"""A file changed so shortly before its reading began may change again within the same tick of the file system's clock, behind the reader:
not remembered, however long it took to read."""


def sha256(path: Path) -> str:
    """Of one file's content."""
    return sha256_of({path.name: path})[path.name]


def pinned(path: str, given: str) -> str:
    """The sha256 that a config gives for its file, else that of the file; "" where neither is there."""
    place = Path(path).expanduser()
    return given or (sha256(place) if path and place.is_file() else "")


def differs(path: str, given: str, found: str = "") -> Iterator[str]:
    """A sentence where a file is not the one that a config pins; `found` is its digest, by default the sha256 of a single file."""
    if given and (found := found or pinned(path, "")) and found != given:
        yield f"{path} has sha256 {found[:12]}..., the config pins {given[:12]}...: use that file or change sha256"


def sha256_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Of each file's content; a line and a bar on stderr where much has to be read."""
    known = {name: _remembered(path) for name, path in files.items()}
    unread = {name: path for name, path in files.items() if not known[name]}
    with _bar(unread) as advance:
        read = {name: _read(path, advance) for name, path in unread.items()}
    return {name: known[name] or read[name] for name in files}


def together(digests: Mapping[str, str]) -> str:
    """One digest of named contents; "" for none."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest() if digests else ""


def _read(path: Path, advance: Callable[[int], None]) -> str:
    began, before, found = time.time(), _state(path), hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(BLOCK):
            found.update(block)
            advance(len(block))
    if before["size"] >= LARGE and before == _state(path) and settled(before["changed"], began):
        _remember(path, {**before, "sha256": found.hexdigest()})
    return found.hexdigest()


def settled(changed: int, seen: float) -> bool:
    """Had a file whose change the file system dates so (ns) been at rest when it was looked at (seconds)? Only then its times tell the next
    change."""
    return seen - changed / 1e9 > FRESH_SECONDS


def _state(path: Path) -> dict[str, int]:
    """What changes when the content does: the file system's own clock cannot be set back as `modified` can."""
    seen = path.stat()
    return {"size": seen.st_size, "modified": seen.st_mtime_ns, "changed": seen.st_ctime_ns}


def _place(path: Path) -> Path:
    """Where the digest of a file is remembered: apart from any outputs folder, since weights are shared by many."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    return cache / "o1exp" / "sha256" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.json"


def _remembered(path: Path) -> str:
    """The digest of a file that is as it was; "" where that is not known."""
    state = _state(path)
    if state["size"] < LARGE:
        return ""
    try:
        kept = json.loads(_place(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    same = isinstance(kept, dict) and all(kept.get(name) == value for name, value in state.items())
    return str(kept.get("sha256", "")) if same else ""


def _remember(path: Path, entry: dict[str, int | str]) -> None:
    place = _place(path)
    partial = place.with_suffix(f".{os.getpid()}")
    with suppress(OSError):  # a home that cannot be written to: the file is read again the next time
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(entry), encoding="utf-8")
        partial.replace(place)


@contextmanager
def _bar(unread: Mapping[str, Path]) -> Iterator[Callable[[int], None]]:
    total = sum(path.stat().st_size for path in unread.values())
    if total < SLOW:
        yield lambda read: None
        return
    from rich.console import Console
    from rich.progress import Progress

    first = next(iter(unread.values()))
    print(f"reading {total / 1e9:,.1f} GB in {first.parent} for its sha256, once for as long as nothing changes there", file=sys.stderr)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sha256", total=total)
        yield lambda read: bar.advance(task, read)
