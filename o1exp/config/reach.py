"""Which overrides of a command reach which arm: a setting that an arm's own option lacks is not meant for that arm."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from o1exp.config import catalogue, spine
from o1exp.config.words import Word


def of_arms(overrides: Sequence[str], arms: Mapping[str, Sequence[str]], places: Sequence[Path]) -> dict[str, list[str]]:
    """The command's overrides for each arm: without those that the arm sets anew, and without settings that its own option lacks.

    `thought.draws=4` is for the arms whose thought has draws. A setting that no arm has stays, to be told as a mistake.
    """
    reached = {}
    for arm, own in arms.items():
        keys = {word.split("=", 1)[0] for word in own}
        reached[arm] = [word for word in overrides if word.split("=", 1)[0] not in keys]
    for word in map(Word.of, overrides) if len(arms) > 1 else ():
        without = {arm for arm, own in arms.items() if _lacks(word, own, places)}
        for arm in without if len(without) < len(arms) else ():
            reached[arm] = [other for other in reached[arm] if other != word.text]
    return reached


def as_arms(line: str) -> str:
    """The sentence about a setting that a cell of a sweep lacks, with what to write instead: a sweep sets it in every cell."""
    setting, having = line.partition("=")[0], line.partition(" belongs to ")[2].partition(",")[0]
    if not having:
        return line
    remedy = f"""'+arms={{a: ["{having}"], b: ["{having.partition("=")[0]}=..."]}}' {setting}=..."""
    return f"{line}. A sweep sets it in every cell, and arms only where it is, without -m: {remedy}"


def _lacks(word: Word, own: Sequence[str], places: Sequence[Path]) -> bool:
    """Does the option that the arm chooses for the node of the override have no such setting?"""
    name, _, setting = word.key.partition(".")
    node = next((node for node in spine.nodes(places[0]) if node.name == name), None)
    if node is None or word.sign or not setting or "." in setting:
        return False
    chosen = next((other.value for other in map(Word.of, own) if other.key == node.choice), "")
    known = settings_of_option(node.group, chosen, places)
    return known is not None and setting not in known


def settings_of_option(group: str, option: str, places: Sequence[Path]) -> frozenset[str] | None:
    """The settings of an option's class; None where that is not known."""
    file = spine.options(places, group).get(option)
    name = spine.class_of(file).rpartition(".")[2] if file is not None else ""
    return next((frozenset(own.name for own in known.settings) for known in catalogue.group(group) if known.name == name), None)
