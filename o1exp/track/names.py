"""Names and values as MLflow takes them: few signs, no path that climbs, bounded lengths, and two names never become one."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from o1exp.media.text import one_line

LONGEST_KEY, LONGEST_VALUE, LONGEST_RUN, LONGEST_ARM = 250, 6000, 250, 100
"""Characters of a key of a parameter, metric or tag; of a parameter's or tag's value; of a run's name; of an arm's before its metrics."""


def key(name: str, longest: int = LONGEST_KEY) -> str:
    """The name with what MLflow refuses as "_"; a long one is cut and keeps a digest, so that it stays unique."""
    safe = re.sub(r"[^\w ./:-]", "_", one_line(name))
    parts = [part.strip() for part in safe.split("/") if part.strip()]
    clean = "/".join("_" if set(part) == {"."} else part for part in parts) or "_"
    return clean if len(clean) <= longest else _marked(clean, name, longest)


def keys(names: Iterable[str], longest: int = LONGEST_KEY) -> dict[str, str]:
    """A key for each name; where two names would share one, the later keeps a digest."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        own = key(name, longest)
        found[name] = own if own not in found.values() else _marked(own, name, longest)
    return found


def value(given: object) -> str:
    return str(given)[:LONGEST_VALUE]


def tags(given: Mapping[str, str]) -> dict[str, str]:
    called = keys(given)
    return {called[name]: value(text) for name, text in given.items()}


def run_name(name: str) -> str:
    return one_line(name)[:LONGEST_RUN] or "run"


def searched(text: str) -> str:
    """A tag's value that is looked for later: MLflow's search has no way to write a quote."""
    return value(one_line(text).replace("'", "_"))


def _marked(clean: str, name: str, longest: int) -> str:
    return clean[: longest - 9] + "-" + hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
