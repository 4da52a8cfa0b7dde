"""Does the Hugging Face hub answer? Its library asks six times in 23 seconds, and does so twice for a tokenizer, before it says no."""

import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 8.0
"""Seconds after which a hub that does not even take a connection is away: three of its attempts, on a network that loses the first two."""
PAUSE = 1.0
"""Seconds before one that refused, or whose name is not known, is looked for once more, twice at most."""
KNOWN = 60.0
"""Seconds for which what was found is good."""

_found: dict[str, tuple[float, str]] = {}


def look_for_hub(name: str) -> str:
    """To be called before the hub is asked for what has this name. Where it is away the library makes do with what was downloaded before,
    and the reason is given; else "". A folder of this machine needs no hub.

    Behind a proxy, and where the user chose HF_HUB_OFFLINE, nothing is looked for.
    """
    from huggingface_hub import constants

    if not name or Path(name).expanduser().exists() or any(os.environ.get(one) for one in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return ""
    when, why = _found.get(constants.ENDPOINT, (-KNOWN, ""))
    if time.monotonic() - when > KNOWN:
        why = _away(constants.ENDPOINT)
        _found[constants.ENDPOINT] = time.monotonic(), why
    constants.HF_HUB_OFFLINE = bool(why)
    return why


def _away(address: str) -> str:
    """Why nobody can be reached there; "" where somebody can, or where a proxy stands between."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(address)
    host, until = parts.hostname or "", time.monotonic() + PATIENCE
    if parts.scheme in getproxies() and not proxy_bypass(host):
        return ""
    for attempt in range(3):
        if attempt:
            time.sleep(PAUSE)
        try:
            _connect(host, parts.port or (443 if parts.scheme == "https" else 80), until)
        except OSError as problem:
            why = f"{host}: {problem.strerror or problem or type(problem).__name__}"
        else:
            return ""
        if time.monotonic() > until - PAUSE:
            break
    return why


def _connect(host: str, port: int, until: float) -> None:
    """To the first of its addresses that takes it. Errors: OSError."""
    problem: OSError = TimeoutError("timed out")
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if (left := until - time.monotonic()) <= 0:
            break
        with socket.socket(family, kind, protocol) as line:
            line.settimeout(min(PATIENCE / 2, left))
            try:
                line.connect(place)
            except OSError as refused:
                problem = refused
            else:
                return
    raise problem
