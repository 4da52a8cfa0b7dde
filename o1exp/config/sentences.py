"""The sentences for single mistakes: each names the key, the value and what would do."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from o1exp.config import spine
from o1exp.config.groups import GROUPS
from o1exp.config.spine import place_of
from o1exp.secrets import masked_value

if TYPE_CHECKING:
    from omegaconf import Container
    from omegaconf.errors import OmegaConfBaseException

_TYPES = {
    float: ("float", "give a number, e.g. 0.001"), int: ("integer", "give a whole number, e.g. 3"),
    bool: ("bool", "give true or false"), str: ("text", "give a text, in quotes where it has special characters"),
}  # fmt: skip


def unknown_setting(key: str, value: Any, known: Sequence[str], renamed: Mapping[str, str] | None = None) -> str:
    """The sentence for a key that does not exist: what it is called now, or the nearest one that does."""
    parent, _, name = key.rpartition(".")
    prefix = f"{parent}." if parent else ""
    if renamed and name in renamed:
        return f"{key} is called {prefix}{renamed[name]} now"
    shown = [name for name in known if name not in ("_target_", "takes", "hydra")]
    near = difflib.get_close_matches(name, shown, n=1)
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


def wrong_type(key: str, value: Any, problem: "OmegaConfBaseException", within: "Container | None" = None) -> str:
    """The sentence for a value of the wrong type, which stands at the key or inside it; `within` is the container that it was meant for."""
    setting, value = culprit(key, value, problem)
    kind, remedy = _wanted(_expected(problem, within))
    return f"{setting}={value_shown(setting, 'null' if value is None else value)}: must be {kind}; {remedy}"


def culprit(key: str, value: Any, problem: "OmegaConfBaseException") -> tuple[str, Any]:
    """The setting at `key` or inside it that the problem is about, and its value."""
    inside = problem.full_key or key
    if not inside.startswith((f"{key}.", f"{key}[")):
        return key, value
    for name in re.findall(r"[^.\[\]]+", inside[len(key) :]):
        value = value[int(name)] if isinstance(value, list) else value.get(name, value) if isinstance(value, dict) else value
    return inside, value


def _expected(problem: "OmegaConfBaseException", within: "Container | None") -> Any:
    """The type that OmegaConf wanted: that of the node, or of an element of the container."""
    child = problem.child_node
    parent = within if problem.parent_node is None else problem.parent_node
    if child is not None:
        return child._metadata.ref_type
    element = getattr(parent._metadata, "element_type", Any) if parent is not None and problem.key is not None else Any
    return problem.ref_type if element is Any else element


def _wanted(hint: Any) -> tuple[str, str]:
    """A type and how to write it."""
    if hint in _TYPES:
        kind, remedy = _TYPES[hint]
        return f"of type {kind}", remedy
    origin, args = get_origin(hint), get_args(hint)
    if origin is list:
        return f"a list of {_wanted(args[0])[0].removeprefix('of type ')}s", "write [one, another]"
    if origin is dict:
        return f"names with {_wanted(args[1])[0].removeprefix('of type ')} each", "write {name: ..., other: ...}"
    return "a mapping of settings", "o1exp --cfg job shows what stands there"


def no_node(name: str, choice: str, value: Any) -> str:
    """The sentence for a plain value where a node stands."""
    in_file = f"in a file under defaults: override /{choice}: ..."
    return f"{name}={value_shown(name, value)}: is a node; choose an option ({choice}=..., {in_file}), or set one of its settings"


def no_value(problem: BaseException) -> str:
    """Why an interpolation has no value."""
    said = str(problem).splitlines()[0]
    if missing := re.search(r"Interpolation key '(.+?)' not found", said):
        return f"there is no {missing[1]}; o1exp --cfg job shows what there is"
    return "it leads back to itself; give it a value" if "ecursive interpolation" in said or isinstance(problem, RecursionError) else said


def unsaid(lines: Sequence[str], said: Sequence[str]) -> list[str]:
    """Those of the lines whose "key=value" has no line in `said`."""
    known = {line.lstrip("+").split(": ")[0] for line in said}
    return [line for line in lines if line.lstrip("+").split(": ")[0] not in known]


def value_shown(key: str, value: Any) -> str:
    """The value as it may be printed: a secret that was given by mistake is not."""
    return masked_value(key, str(value))


def plain(problem: BaseException) -> str:
    """The first lines of an error on one line."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return "; ".join(lines[:4])


def composition(problem: BaseException, places: Sequence[Path]) -> str:
    """What Hydra says, in the words of the other sentences where it looked for a file in vain."""
    said = str(problem)
    where = re.search(r"In '(?P<file>[^']+)': ", said)
    file = (
        next((place / f"{where['file']}.yaml" for place in places if (place / f"{where['file']}.yaml").is_file()), None) if where else None
    )
    if own := re.search(r"Could not override '(hydra\.[^']+)'", said):
        return f"{own[1]}: there is no such setting; o1exp --cfg hydra shows what there is, with hydra/sweeper=... also those of a sweeper"
    place = f"{line_of(file, ['defaults'])}: " if file and file != places[0] / "config.yaml" else ""
    if missing := re.search(r"Could not (?:find|load) '(?P<path>[^']+)'", said):
        group, _, option = missing["path"].rpartition("/")
        if group.startswith("hydra") and (
            listed := re.search(r"Available options in '[^']+':\s*(.*?)(?:Config search path|$)", said, re.DOTALL)
        ):
            return unknown_option(group, option, listed[1].split())
        known = spine.options(places, group) if group else {path.stem: path for folder in places for path in sorted(folder.glob("*.yaml"))}
        classes = [target.rpartition(".")[2] for target in GROUPS.get(group, ())]
        if group and file and file.parent.name != group.partition("/")[0]:
            return place + unknown_option(group, option, known)
        return f"{place}defaults name {missing['path']}: there is no such file; {unknown(option, [*known, *classes])}"
    return place + plain(problem)


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
    """The sentence for a file that cannot be read or is no YAML; "" for any other."""
    import yaml

    try:
        return _odd(file, spine.tree(file))
    except ValueError as wrong:
        return str(wrong)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        return f"{place_of(file)}{where}: is not YAML ({getattr(wrong, 'problem', None) or wrong})"


def _odd(file: Path, node: Any) -> str:
    """The sentence for what YAML allows and no option may have: a name twice in one mapping, a tag that makes an object."""
    import yaml

    if node is None:
        return ""
    if not node.tag.startswith("tag:yaml.org,2002:") or ":python/" in node.tag:
        return f"{place_of(file)}, line {node.start_mark.line + 1}: has the tag {node.tag}; leave it out"
    if not isinstance(node, yaml.MappingNode):
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
        return next(filter(None, (_odd(file, one) for one in inner)), "")
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            return f"{place_of(file)}, line {key.start_mark.line + 1}: {key.value} stands there twice"
        seen.add(key.value if isinstance(key.value, str) else "")
        if said := _odd(file, value):
            return said
    return ""
