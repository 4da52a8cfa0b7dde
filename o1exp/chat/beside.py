"""Answers that the cache would not take: saved in a file beside it when the run ends, and brought in by the next one."""

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from o1exp.chat.book import enter, settle
from o1exp.chat.cache import Cache, Kept
from o1exp.chat.request import Came
from o1exp.records import Completion, Usage


@dataclass(frozen=True)
class Saved:
    """An answer with its price, who paid it, and when it came (seconds since 1970)."""

    key: str
    question: dict[str, Any]
    kept: Kept
    study: str
    stage: str
    model: str
    time: float


def save(answers: Iterable[Saved], folder: Path) -> Path | None:
    """Write the answers into the folder, or where that takes no files into the one for temporary files; None where neither does."""
    lines = "".join(json.dumps(asdict(answer)) + "\n" for answer in answers)
    for place in (folder, Path(tempfile.gettempdir())):
        path = place / f"unsaved-{_mark(folder)}-{uuid.uuid4().hex}.jsonl"
        part = path.with_suffix(".part")
        with suppress(OSError):
            part.write_text(lines, encoding="utf-8")
            return part.replace(path)
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return None


def unsaved(folder: Path) -> Iterator[Path]:
    """The files that earlier runs of this user saved for the folder."""
    yield from sorted(folder.glob("unsaved-*.jsonl"))
    for path in sorted(Path(tempfile.gettempdir()).glob(f"unsaved-{_mark(folder)}-*.jsonl")):
        if path.is_file() and path.lstat().st_uid == os.getuid():  # anybody may write there
            yield path


def bring_in(cache: Cache, folder: Path) -> int:
    """Put what an earlier run saved for the folder into the cache and its price into the book. Gives the number of answers."""
    count = 0
    for path in unsaved(folder):
        for saved in map(_read, path.read_text(encoding="utf-8").splitlines()):
            with cache.transaction(durable=True):
                settle(cache, saved.key, saved.time)
                if not cache.has(saved.key):
                    count += 1
                    cache.keep(saved.key, saved.question, saved.kept)
                    enter(cache, saved.study, saved.stage, saved.key, saved.model, saved.kept.completion.usage)
        path.unlink(missing_ok=True)
    return count


def _mark(folder: Path) -> str:
    """What names the outputs folder in a folder that it shares with others."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def _read(line: str) -> Saved:
    row = json.loads(line)
    kept = row["kept"]
    done = Completion(**{**kept["completion"], "usage": Usage(**kept["completion"]["usage"])})
    return Saved(**{**row, "kept": Kept(done, kept["reasoning"], kept["estimated"], Came(**kept.get("came", {})))})
