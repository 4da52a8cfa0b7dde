"""`o1exp --help think`, `--help sft/small`: what an option is, and each of its settings with type, default and sentence."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from o1exp.config import catalogue, spine
from o1exp.config.facts import ANY, REQUIRED, Facts, Setting
from o1exp.config.help import head
from o1exp.config.sentences import unknown

KINDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", ANY: "a node"}
COLUMNS = 100


def described(subject: str, places: Sequence[Path]) -> str:
    """The page about a node, a group or an option. Errors: ValueError with what there is, for any other word."""
    word = subject.replace("=", "/")
    listed = {node.name for node in spine.nodes(places[0]) if isinstance(node.option, list)}
    if word.partition(".")[0] in listed:  # bench.arithmetic, as a goal is called
        word = word.replace(".", "/", 1)
    group, _, option = word.partition("/")
    nodes = {name: node for node in spine.nodes(places[0]) for name in (node.choice, node.name)}
    if node := nodes.get(group):
        group, option = node.group, option or (node.option if isinstance(node.option, str) else "")
    known = spine.options(places, group)
    if option in known:
        return _page(node.name if node else "", f"{group}/{option}", known[option])
    if option or group not in spine.groups(places):
        names = [f"{group}/{name}" for name in known] or [*nodes, *(set(spine.groups(places)) - {*nodes, "hydra"})]
        raise ValueError(f"{subject}: there is no such node or option; {unknown(word, names)}")
    lines = [f"{group}: choose one, and see it with o1exp --help {group}/OPTION"]
    return "\n".join([*lines, *(f"  {name:<18} {head(file)}" for name, file in known.items())])


def _page(node: str, name: str, file: Path) -> str:
    group, _, option = name.partition("/")
    lines = [f"{node}: {name}" if node else name, *_wrapped(_comment(file), "")]
    target = spine.target_of(file, group)
    if target is None:  # an experiment, or an ablated step
        text = "\n".join(line for line in spine.text(file).splitlines() if not line.startswith("#"))
        return "\n".join([*lines, "", text])
    known, given = catalogue.facts(target), spine.body(file)
    lines += ["", *_wrapped(f"{known.name}: {known.says}", "")]
    prefix = f"{node}.{option}." if node == "bench" else f"{node}." if node else ""
    for setting in known.settings:
        if setting.kind != ANY:
            lines += ["", *_setting(setting, prefix, given)]
    return "\n".join([*lines, *_edges(known)])


def _setting(setting: Setting, prefix: str, given: dict[str, Any]) -> list[str]:
    value = given.get(setting.name, setting.default)
    shown = "must be given" if value == REQUIRED else f"= {_shown(value)}"
    kind = f"one of {', '.join(setting.choices)}" if setting.choices else kind_in_words(setting.kind)
    return [f"{prefix}{setting.name} {shown}   ({', '.join(filter(None, (kind, setting.limits)))})", *_wrapped(setting.says, "    ")]


def kind_in_words(kind: str) -> str:
    """The type as a reader says it: float? is "number or null"."""
    if kind.endswith("?"):
        return f"{kind_in_words(kind[:-1])} or null"
    if kind.startswith("["):
        return f"list of {kind_in_words(kind[1:-1])}"
    return f"names with {kind_in_words(kind[1:-1])} each" if kind.startswith("{") else KINDS[kind]


def _shown(value: Any) -> str:
    """The value as a YAML file says it, on one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    line = " ".join(str(value).split()) or '""'
    return line if len(line) <= 60 else f"{line[:57]}..."


def _edges(known: Facts) -> list[str]:
    edges = [f"{setting.name} ({setting.says})" if setting.says else setting.name for setting in known.settings if setting.kind == ANY]
    return ["", *_wrapped(f"Filled by the spine, conf/config.yaml: {'; '.join(edges)}", "")] if edges else []


def _comment(file: Path) -> str:
    lines = [line.removeprefix("#").strip() for line in spine.text(file).splitlines() if line.startswith("#")]
    return " ".join(line for line in lines if not line.startswith("@package"))


def _wrapped(text: str, indent: str) -> list[str]:
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return [line for part in paragraphs for line in textwrap.wrap(part, COLUMNS, initial_indent=indent, subsequent_indent=indent)]
