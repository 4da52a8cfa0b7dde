"""What no config may hold: a secret, which would be written to files, and a study that is no name of a folder."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import DictConfig

from o1exp.secrets import ADDRESSES, found, hide, hide_variable, is_secret, is_variable, masked_value, refusal

LONGEST_STUDY = 100
"""Characters; a run's folder is named by its study and eight digits of a key."""


def secret_words(words: Sequence[str]) -> list[str]:
    """The overrides of a command line that hold a secret. What stands under a secret name is shown nowhere from here on."""
    mistakes = []
    for word in words:
        key, equals, value = word.lstrip("+~").partition("=")
        value = value.strip("'\"")
        if equals and is_secret(key):
            hide(value)
        if equals and (why := found(value)):
            mistakes.append(_refused(key, value, why))
    return mistakes


def config_mistakes(config: DictConfig, raw: dict[str, Any]) -> list[str]:
    """A line for each value of a composed config that is or holds a secret, and for a study that names no folder.

    `raw` is the config with its interpolations.
    """
    leaves = list(_leaves(raw, "", ""))
    for _, name, value in leaves:
        if name.endswith("_env") and is_variable(str(value)):
            hide_variable(str(value))
    mistakes = [_refused(path, value, why) for path, name, value in leaves if (why := _why(name, value))]
    if why := study_mistake(str(config.study)):
        mistakes.append(f"study={str(config.study)[:LONGEST_STUDY]!r}: {why}")
    return mistakes


def study_mistake(study: str) -> str | None:
    """Why a study's name cannot name a folder, or None."""
    if not study:
        return "is empty; give the study a name, e.g. study=lengths"
    if len(study) > LONGEST_STUDY or len(os.fsencode(study)) > 2 * LONGEST_STUDY:
        return f"has {len(study)} characters; a name has {LONGEST_STUDY} at most"
    if not study.isprintable():
        return "has a character that cannot be printed; give a plain name, e.g. study=lengths"
    if wrong := next((mark for mark in ("/", "\\", "..") if mark in study), None):
        return f"names a folder below runs/ and must not hold {wrong}; give a plain name, e.g. study=lengths"
    if study.startswith(".") or study != study.strip():
        return "must not begin with a dot, nor begin or end with a space; give a plain name, e.g. study=lengths"
    return None


def arm_mistakes(arms: Sequence[str]) -> list[str]:
    """A line for each name of an arm that cannot stand beside the others on a page and in files."""
    found = []
    for place, arm in enumerate(arms):
        if not arm or not arm.isprintable() or arm != arm.strip():
            found.append(f"arm {arm!r}: a name is not empty, can be printed, and does not begin or end with a space; name it otherwise")
        if twin := next((other for other in arms[:place] if other.casefold() == arm.casefold()), None):
            found.append(
                f"arm {arm}: differs from arm {twin} in capital letters alone, which not every disk tells apart; name it otherwise"
            )
    return found


def _why(name: str, value: Any) -> str | None:
    if isinstance(value, str) and (why := found(value)):
        return why
    if isinstance(value, str) and "${" not in value:
        if name.endswith("_env") and not is_variable(value):
            return "is no name of an environment variable, of capital letters, digits and _ (give the name, never the key)"
        if name.endswith(ADDRESSES) and (why := refusal(value)):
            return why
    named = is_secret(name) and value is not None and masked_value(name, str(value)) != str(value)
    return "is a secret by its name" if named else None


def _refused(key: str, value: Any, why: str) -> str:
    remedy = "settings are written to files: put it into an environment variable"
    return f"{key}={masked_value(key, str(value))}: {why}; {remedy}, and where a key is needed name the variable in api_key_env"


def _leaves(node: Any, path: str, name: str) -> Iterator[tuple[str, str, Any]]:
    """Path, name and value of everything that is no container; an override in a list has the name that it sets."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key), str(key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _leaves(value, f"{path}[{place}]", name)
    else:
        yield path, name, node
