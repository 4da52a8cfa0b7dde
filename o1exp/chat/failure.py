"""What a failed attempt means: try again, wait, leave the request out, or end the run."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

CROWDED = 429
AWAY = (502, 503, 529)
"""Of a server that is too busy, loads its model, or stands behind a gateway that does not reach it: waited for by time."""
PASSING = (408, 409, 425)
STARTING, UNKNOWN = 120.0, 10.0
"""Seconds that an address is waited for at which nobody has ever answered, and one whose host nobody knows: it may be wrong."""
LOST = (408, 504, 524)
"""The server may have worked for so long, and charged for it."""


@dataclass(eq=False)
class Again(Exception):
    """The request may be sent once more, after `after` seconds if the server said so.

    `lost`: the server may have worked, and charged, for it. `crowded`: fewer at a time. `timed`: how often is no matter, only how long.
    `unreachable`: nobody was there to be asked; so many seconds it is waited for where nobody ever was.
    """

    reason: str
    after: float | None = None
    lost: bool = False
    crowded: bool = False
    timed: bool = False
    unreachable: float = 0.0


@dataclass(eq=False)
class Unfit(Exception):
    """The request itself is at fault, whoever sends it: it is recorded and left out."""

    reason: str


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asked for, as milliseconds, seconds or a date; None where it did not."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError, TypeError):
        return None


def proxy(address: str) -> str:
    """The environment variable of the proxy that requests to the address pass, "" for none."""
    parts = urlsplit(address)
    named = {name.lower(): name for name in os.environ if name.lower().endswith("_proxy") and os.environ[name]}
    host, apart = (parts.hostname or "").lower(), os.environ.get(named.get("no_proxy", ""), "").lower().split(",")
    if any(word and (word == "*" or host == word or host.endswith(f".{word}")) for word in (one.strip().lstrip(".") for one in apart)):
        return ""
    return named.get(f"{parts.scheme}_proxy") or named.get("all_proxy", "")


def without_version(address: str) -> str:
    """A hint where an address lacks its version, as most servers have one in their path."""
    lacking = not urlsplit(address).path.strip("/")
    return f"; most servers want their version in the address: base_url={address.rstrip('/')}/v1" if lacking else ""
