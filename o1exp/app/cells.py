"""The cells of a sweep: all of them are checked before the first one starts."""

from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from o1exp.config.compose import Study, composed, study_of
from o1exp.config.error import ConfigError
from o1exp.config.options import Origin
from o1exp.config.reach import as_arms
from o1exp.config.words import Word
from o1exp.flow.errors import RunError


class Refused(BaseException):
    """A sweep whose cells are not all right. No Exception: Hydra turns those of a callback into warnings and goes on."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Ended(BaseException):
    """A run error in a callback; no Exception, for the same reason."""

    def __init__(self, error: RunError) -> None:
        super().__init__(str(error))
        self.code = error.code


def checked(config: DictConfig) -> Study:
    """The study of the first cell. Errors: Refused with every mistake of every cell."""
    mistakes = [
        f"{word.text}: a cell of a sweep has no arms; leave out -m, or sweep over what the arms set, as in -m thought=distil,shortcut"
        for word in map(Word.of, _words(config))
        if word.key.partition(".")[0] == "arms" and word.text != "arms={}"
    ]
    origin = Origin.of(config.hydra)
    studies = []
    for overrides in cells(config):
        try:
            studies.append(study_of(composed(overrides, origin), overrides, origin, single=True))
        except ConfigError as wrong:
            mistakes += [line for line in map(as_arms, wrong.mistakes) if line not in mistakes]
    if not mistakes and studies[0].config.action == "verify":
        mistakes.append("action=verify: it reads all artefacts at once; leave out -m")
    if mistakes:
        raise Refused(mistakes)
    return studies[0]


def cells(config: DictConfig) -> Iterator[list[str]]:
    """The overrides of every cell that a grid sweep will start; what another sweeper draws cannot be known before."""
    parser = OverridesParser.create()
    grids: list[list[str]] = [[]]
    for override in parser.parse_overrides(_words(config)):
        if override.is_sweep_override() and override.is_discrete_sweep():
            key = override.get_key_element()
            options = [f"{key}={value}" for value in override.sweep_string_iterator()]
            grids = [[*grid, option] for grid in grids for option in options]
        elif not override.is_sweep_override():
            grids = [[*grid, str(override.input_line)] for grid in grids]
    yield from grids


def _words(config: DictConfig) -> list[str]:
    """What the sweep says, in its file and on the command line."""
    params: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    return [*(f"{key}={value}" for key, value in (params.get("params") or {}).items()), *given(config)]


def given(config: DictConfig) -> list[str]:
    """The overrides as they were given: `${mix}` in one is an edge of the cells."""
    words = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    assert isinstance(words, list)
    return [str(word) for word in words]
