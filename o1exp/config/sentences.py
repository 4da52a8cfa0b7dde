"""The sentences for single mistakes: each names the key, the value and what would do."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from o1exp.config import spine
from o1exp.secrets import masked_value

_WRONG_TYPE = re.compile(
    r"Value '(?P<value>[^']*)'.*?(?:could not be converted to|is not a valid) (?P<type>\w+).*?full_key: (?P<key>\S*)", re.DOTALL
)
_TYPES = {"float": "give a number, e.g. 0.001", "integer": "give a whole number, e.g. 3", "bool": "give true or false"}


def unknown_setting(key: str, value: Any, known: Sequence[str], renamed: Mapping[str, str] | None = None) -> str:
    """The sentence for a key that does not exist: what it is called now, or the nearest one that does."""
    parent, _, name = key.rpartition(".")
    prefix = f"{parent}." if parent else ""
    if renamed and name in renamed:
        return f"{key} is called {prefix}{renamed[name]} now"
    shown = [name for name in known if name not in ("_target_", "takes", "hydra")]
    near = difflib.get_close_matches(name, shown, n=1, cutoff=0.5)
    hint = f"did you mean {prefix}{near[0]}? " if near else ""
    return f"{key}={value_shown(key, value)}: there is no such setting; {hint}known here: {', '.join(sorted(shown))}"


def unknown_option(key: str, option: str, known: Iterable[str]) -> str:
    """The sentence for an option that does not exist."""
    return f"{key}={value_shown(key, option)}: there is no such option; {unknown(option, known)}"


def unknown(name: str, known: Iterable[str]) -> str:
    """The nearest of the names that there are, and all of them."""
    names = list(known)
    near = [f"did you mean {found}? " for found in difflib.get_close_matches(name, names, n=1)]
    return f"{''.join(near)}choose one of {', '.join(names)}"


def wrong_type(key: str, problem: BaseException) -> str:
    """The sentence for a value of the wrong type, or OmegaConf's own words on one line."""
    if wrong := _WRONG_TYPE.search(str(problem)):
        inside = wrong["key"] if wrong["key"] and key not in (wrong["key"], wrong["key"].split(".")[-1]) else ""
        kind = wrong["type"].lower()
        setting = inside or key
        return f"{setting}={value_shown(setting, wrong['value'])}: must be of type {kind}; {_TYPES.get(kind, 'see o1exp --cfg job')}"
    return f"{key}: {plain(problem)}"


def unsaid(lines: Sequence[str], said: Sequence[str]) -> list[str]:
    """Those of the lines whose "key=value" has no line in `said`."""
    known = {line.split(": ")[0] for line in said}
    return [line for line in lines if line.split(": ")[0] not in known]


def value_shown(key: str, value: Any) -> str:
    """The value as it may be printed: a secret that was given by mistake is not."""
    return masked_value(key, str(value))


def plain(problem: BaseException) -> str:
    """The first lines of an error on one line."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return "; ".join(lines[:4])


def composition(problem: BaseException) -> str:
    """What Hydra says, in the words of the other sentences where it looked for an option in vain."""
    missing = re.search(r"Could not find '(?P<group>.+)/(?P<option>[^/']+)'", str(problem))
    listed = re.search(r"Available options in '[^']+':\s*(.*?)(?:Config search path|$)", str(problem), re.DOTALL)
    if missing and listed:
        return unknown_option(missing["group"], missing["option"], listed[1].split())
    return plain(problem)


def line_of(file: Path, path: Sequence[str]) -> str:
    """ "FILE, line N": where a YAML file says the key at `path`, or as much of it as there is."""
    import yaml

    node, line = spine.tree(file), 1
    for name in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == name), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return f"{place_of(file)}, line {line}"


def not_yaml(file: Path) -> str:
    """The sentence for a file that is no YAML; "" for one that is."""
    import yaml

    try:
        spine.tree(file)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        return f"{place_of(file)}{where}: is not YAML ({getattr(wrong, 'problem', None) or wrong})"
    return ""


def place_of(file: Path) -> Path:
    """The path as a user of this folder writes it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
