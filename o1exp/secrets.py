"""What nobody may read: told by where a value comes from, by the name it stands under, and by the marks that services put on their keys.

Nothing is guessed from randomness. What leaves this process (errors, logs, configs, records, MLflow) passes `masked` or `masked_config`;
settings are refused by `found` before a file is written.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

MASK = "***"
SHORTEST = 8
"""Characters; to blot out shorter values, e.g. a key "EMPTY", would spoil every text."""

STRONG = frozenset(("apikey", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "credential", "credentials"))
WEAK = frozenset(("key", "token"))
"""Words that say secret only at a name's end, and for a token not after one of TOKENS_OF_TEXT: api_key and hub_token, but not end_token."""
TOKENS_OF_TEXT = frozenset(("begin", "start", "first", "end", "last", "stop", "bos", "eos", "pad", "unk", "sep", "cls", "mask", "image"))
OWNERS = frozenset("access account api auth bearer client hf hub private refresh secret service session shared ssh subscription".split())
"""Before a colon, where prose has its "no such key: x" and "full_key: x", a weak word needs one of these beside it."""
PLACES = frozenset(("env", "name", "file", "path", "dir", "limit"))
"""A name that ends so says where a secret is, or how many tokens, and not what it is."""
IN_QUERIES = frozenset(("sig", "signature", "code", "auth", "jwt", "access", "pass", "pwd"))
ADDRESSES = ("url", "uri")
"""A setting whose name ends so is an address, also where it lacks its scheme."""
KEPT_BY_CHILDREN = frozenset(("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
"""Variables that a process of ours may need: models can be gated."""

_MARKED = re.compile(
    r"""(?<![A-Za-z0-9])(?:
    sk-[\w-]{16,} | gsk_\w{16,} | nvapi-[\w-]{16,} | xai-[\w-]{16,} | r8_\w{16,} | hf_[A-Za-z0-9]{16,}
    | gh[opsur]_[A-Za-z0-9]{16,} | github_pat_\w{16,} | glpat-[\w.-]{16,} | xox[a-z]-[\w-]{8,} | xapp-[\w-]{8,}
    | [sr]k_(?:live|test|prod)_\w{8,} | whsec_\w{16,} | csk-[\w-]{16,} | pplx-\w{16,} | fw_[A-Za-z0-9]{16,} | tgp_v1_[\w-]{16,}
    | npm_[A-Za-z0-9]{16,} | pypi-[\w-]{16,} | SG\.[\w-]{16,} | hvs\.[\w-]{16,} | ya29\.[\w-]{16,} | lsv2_[ps]t_\w{16,} | dop_v1_\w{16,}
    | dapi[0-9a-f]{32} | (?:AKIA|ASIA)[A-Z0-9]{12,} | AIza[\w-]{16,} | eyJ[\w-]{8,1024}\.[\w-]{8,}(?:\.[\w-]*)?
    | (?i:bearer)\s+[\w.~+/-]{16,}=* | (?i:authorization["']?\s*[:=]\s*["']?basic)\s+[\w+/]{4,}=*
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END\ [A-Z ]*-----|\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_USER = re.compile(
    r"""(?<=://)[^\s/?#@:'"<>\[]*:(?!\d{1,5}(?:[/?#\s'"<>]|$))[^\s'"<>]{0,512}@  # also a password with /, ? or # in it; 80/ is a port
    | (?<=//)[^\s/?#'"<>]*@
    | (?<![\w.%+:/@-])(?!mailto:)[\w.%+-]{1,64}:[^\s/@'"<>]{1,256}@(?=[\w\[])(?!sha256:)  # without a scheme: name:password@host
    """,
    re.VERBOSE,
)
_QUERY = re.compile(r"(?<=://)((?:[^\s?#'\"<>:]|:(?!//))*)([?#][^\s'\"<>]+)")
_NAMED = re.compile(r"(?<![\w.-])([\"']?)([A-Za-z_][\w.-]*)(\1\s*[=:]\s*[\"']?)(?!\*\*\*)([^\s\"',;&(){}\[\]]+)")
_ADDRESS = re.compile(r"://(?:[^\s'\"<>:]|:(?!//))*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")

_values: set[str] = set()
_variables: set[str] = set()
_read: list[dict[int, list[tuple[str, str]]]] = []
"""What the environment held when so many variables were named, while it is said not to change."""
_looked: list[dict[tuple[int, str], str | None]] = []
"""What was found in each text then."""


def hide(value: str) -> None:
    """From now on this process shows the value nowhere, if it is long enough to be told from other text."""
    if len(value) >= SHORTEST:
        _values.add(value)


def hide_variable(name: str) -> None:
    """An environment variable holds a secret, whatever its name says."""
    _variables.add(name)


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Must what stands under this name be hidden? The name is read word by word: api_key, hubToken, DB_PASSWORD, but not max_tokens."""
    words = [word.lower() for word in _WORD.findall(name.rpartition(".")[2])]
    if not words or words[-1] in PLACES:
        return False
    return bool(STRONG & set(words)) or (words[-1] in WEAK and not (words[-1] == "token" and TOKENS_OF_TEXT & set(words)))


def masked(text: str) -> str:
    """The text without secrets: values of the environment, marked keys, users and queries of addresses, what follows a secret name."""
    for value in sorted((value for value in _hidden() if value in text), key=len, reverse=True):
        text = text.replace(value, MASK)
    if "@" in text:
        text = _USER.sub(f"{MASK}@", text)
    if "://" in text:
        text = _QUERY.sub(_without_query, text)
    return _NAMED.sub(_without_value, _MARKED.sub(MASK, text))


def masked_value(name: str, value: str) -> str:
    """What is shown of a setting's value; an interpolation says where the value comes from and stays."""
    bare = value.strip("'\"")
    if not bare or bare in ("null", "???"):
        return value
    if re.fullmatch(r"\$\{[^,]*\}", bare):
        return value
    if name.endswith(ADDRESSES) and "@" in bare:
        scheme, found, rest = bare.rpartition("://")
        return f"{scheme}{found}{MASK}@{masked(rest.rpartition('@')[2])}"
    wrong_name = name.endswith("_env") and not is_variable(bare)
    return MASK if wrong_name or is_secret(name) or bare.startswith("sk-") else masked(value)


def masked_override(override: str) -> str:
    """What is shown of an override of the command line, "key=value"."""
    name, equals, value = override.partition("=")
    return f"{name}={masked_value(name, value)}" if equals else masked(override)


def masked_config(container: Any, name: str = "") -> Any:
    """A copy of plain values (mappings, lists, scalars) without secrets."""
    if isinstance(container, Mapping):
        return {key: masked_config(value, str(key)) for key, value in container.items()}
    if isinstance(container, list | tuple):
        return [masked_config(value, name) for value in container]
    if isinstance(container, str):
        return masked_value(name, container)
    return MASK if is_secret(name) and container is not None and not isinstance(container, bool) else container


def found(text: str) -> str | None:
    """What in a setting's value is a secret, in words, or None. Whatever passes this can stand in any file."""
    if not _looked:
        return _found(text)
    known, key = _looked[-1], (len(_variables), text)
    if key not in known:
        known[key] = _found(text)
    return known[key]


def _found(text: str) -> str | None:
    if where := next((name for name, value in _from_environment() if value in text), None):
        return f"holds the value of the environment variable {where}"
    if marked := _MARKED.search(text):
        return f"holds what looks like a key ({marked[0][:3]}...)"
    if "@" in text and _USER.search(text):
        return "holds an address that names a user or a password"
    if why := next((why for address in _ADDRESS.findall(text) if (why := refusal(address))), None):
        return f"holds an address that {why}"
    named = next((match[2] for match in _NAMED.finditer(text) if _given(match)), None)
    return f"holds a value under the name {named}" if named else None


def refusal(address: str) -> str | None:
    """Why an address must not stand in a setting, or None: it names a user, or its query or fragment holds what looks like a key."""
    if _USER.search(address) or ("@" in address and "://" not in address):
        return "names a user or a password"
    query = re.split(r"[?#]", address, maxsplit=1)[1:]
    names = re.findall(r"([^&;=?#]+)=", query[0]) if query else []
    secret = next((name for name in names if is_secret(name) or IN_QUERIES & {word.lower() for word in _WORD.findall(name)}), None)
    if secret is not None:
        return f"holds a key in its query ({secret}=)"
    return "holds what looks like a key" if _MARKED.search(address) else None


def is_variable(name: str) -> bool:
    """Is that an environment variable's name as people write them? A key put in its place nearly always has a small letter or a dash."""
    return _VARIABLE.fullmatch(name) is not None and not _MARKED.search(name)


def environment() -> dict[str, str]:
    """Ours, for a child: without the variables that hold secrets, which it has no use for and might print."""
    return {name: value for name, value in os.environ.items() if name in KEPT_BY_CHILDREN or not _holds_secret(name)}


def _holds_secret(name: str) -> bool:
    return name in _variables or is_secret(name)


@contextmanager
def unchanging() -> Iterator[None]:
    """The environment is read once while this is open, and each text is looked into once: ten thousand cells have some million settings."""
    _read.append({})
    _looked.append({})
    try:
        yield
    finally:
        _read.pop()
        _looked.pop()


def _from_environment() -> list[tuple[str, str]]:
    """Variables that hold a secret, with their values. A path says where one is."""
    if _read and len(_variables) in _read[-1]:
        return _read[-1][len(_variables)]
    held = [(name, value) for name, value in os.environ.items() if len(value) >= SHORTEST and _holds_secret(name)]
    found = [(name, value) for name, value in held if name in _variables or not value.startswith(("/", "~", "."))]
    if _read:
        _read[-1][len(_variables)] = found
    return found


def _hidden() -> set[str]:
    return _values | {value for _, value in _from_environment()}


def _without_query(match: re.Match[str]) -> str:
    place, whole = match.groups()
    query = whole[0] + whole[1:].rstrip(":,.)]}")  # of the sentence that the address stands in
    shown = re.sub(r"=(?!\*\*\*)[^&;?#]*", f"={MASK}", query) if "=" in query or query[0] == "#" else f"?{MASK}"
    return place + shown + whole[len(query) :]


def _without_value(match: re.Match[str]) -> str:
    quote, name, between, _ = match.groups()
    secret = is_secret(name) if "=" in between or quote else _says_secret(name)
    return f"{quote}{name}{between}{MASK}" if secret else match[0]


def _given(match: re.Match[str]) -> bool:
    """Does it give a secret its value, as settings and addresses do, and prose does not?"""
    _, name, between, value = match.groups()
    return len(value) >= SHORTEST and value[0] != "$" and not (between[0] == ":" and between[-1] == " ") and _says_secret(name)


def _says_secret(name: str) -> bool:
    """Does the name say secret also in prose, where "key" alone has other meanings?"""
    words = {word.lower() for word in _WORD.findall(name.rpartition(".")[2])}
    return bool((STRONG | OWNERS) & words) and is_secret(name)
