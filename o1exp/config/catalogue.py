"""The facts about every class of the groups, known without importing one.

They are read once by importing the classes and kept in the user's cache folder. They are read anew as soon as any source file of the
package is another one (its size or one of its times changed), so a kept fact is never an old one.
"""

import hashlib
import json
import os
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from o1exp.config.facts import Facts, Setting
from o1exp.config.groups import GROUPS, Groups

_PACKAGE = Path(__file__).resolve().parents[1]
_FRESH_SECONDS = 2.0
"""A file changed so shortly ago may change again within the same tick of the file system's clock, and no time would tell."""


def facts(target: str) -> Facts:
    """The facts of the class at a dotted path. Errors: ValueError where it is no class of settings."""
    return kept().get(target) or _read(target)


def group(name: str, groups: Groups = GROUPS) -> list[Facts]:
    """The facts of all classes of a group; none for an unknown group."""
    return [facts(target) for target in groups.get(name, ())]


@cache
def _read(target: str) -> Facts:
    from o1exp.config.declared import declared

    return declared(target)


@cache
def kept() -> dict[str, Facts]:
    """The facts of every class of the groups, from the cache if it is not older than the sources."""
    began, path = time.time(), cache_file()
    stamp, changed = _stamp()
    stored = _stored(path, stamp)
    if stored is None:
        stored = {target: _read(target) for targets in GROUPS.values() for target in targets}
        if began - changed > _FRESH_SECONDS:
            _keep(path, stamp, stored)
    return stored


def cache_file() -> Path | None:
    """Where the facts of this checkout are kept; None where the user has no folder for it."""
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home
        return None
    return base / "o1exp" / f"settings-{hashlib.sha256(str(_PACKAGE).encode()).hexdigest()[:12]}.json"


def _stamp() -> tuple[str, float]:
    """A digest of name, size and times of every source file of the package, and when the last of them was changed."""
    found = []
    for folder, _, names in os.walk(_PACKAGE):
        for name in names:
            if name.endswith(".py"):
                state = os.stat(os.path.join(folder, name))
                found.append((folder, name, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest(), max(changed for *_, changed in found) / 1e9


def _stored(path: Path | None, stamp: str) -> dict[str, Facts] | None:
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path else {}
        return {target: _loaded(entry) for target, entry in known["facts"].items()} if known["stamp"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # absent, half written or of another shape: read anew
        return None


def _loaded(entry: dict[str, Any]) -> Facts:
    settings = tuple(Setting(**{**setting, "choices": tuple(setting["choices"])}) for setting in entry["settings"])
    return Facts(entry["target"], entry["says"], settings, entry["renamed"], entry["stage"])


def _keep(path: Path | None, stamp: str, found: dict[str, Facts]) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"stamp": stamp, "facts": {target: asdict(entry) for target, entry in found.items()}}), encoding="utf-8")
        part.replace(path)
    except OSError:  # a read-only or full disk: the next command reads the sources again
        return
