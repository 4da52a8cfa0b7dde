"""What a failed attempt means: try again, wait, leave the request out, or end the run."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from o1exp.chat.refused import leaves

CROWDED = 429
AWAY = (502, 503, 529)
"""Of a server that is too busy, loads its model, or stands behind a gateway that does not reach it: waited for by time."""
PASSING = (408, 409, 425)
STARTING, UNKNOWN = 120.0, 10.0
"""Seconds that an address is waited for at which nobody has ever answered, and one whose host nobody knows: it may be wrong."""
MONEY = re.compile(
    r"insufficient_quota|billing_hard_limit_reached|billing_not_active|insufficient_(?:user_)?(?:quota|balance|credits)|arrearage|1113"
    r"|exceeded_current_quota_error|Insufficient Balance|.*credit balance is too low.*",
    re.IGNORECASE,
)
"""How providers say, under one status or another, that the account is empty."""
SAYING = ("code", "type", "status", "message", "msg", "error", "")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WAIT = re.compile(r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)? ?(?:ms|h|m|s)[a-z]* ?)+)", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(ms|h|m|s)", re.IGNORECASE)
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
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def wait_told(error: Any) -> float | None:
    """Seconds that the words of an error ask for, as "try again in 1m2.5s" or a retryDelay of "38s"; None where they ask for none."""
    for name, word in leaves(error):
        found = word if name == "retryDelay" else "".join(_WAIT.findall(word)[:1])
        if spans := _SPAN.findall(found):
            return sum(float(number) * _UNITS[unit.lower()] for number, unit in spans)
    return None


def out_of_money(error: Any) -> str:
    """In which words an error says that the account is empty, "" where it says nothing of the kind."""
    return next((word for name, word in leaves(error) if name in SAYING and MONEY.fullmatch(word)), "")


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
