"""The cells of a sweep: all of them are checked before the first one starts, and what they would make is told as one."""

from collections.abc import Callable, Sequence

from omegaconf import DictConfig

from o1exp.app.axes import Axes, Value
from o1exp.app.designs import cells as designed
from o1exp.config.built import Built
from o1exp.config.compose import Study, study_of
from o1exp.config.copies import copied
from o1exp.config.error import ConfigError
from o1exp.config.options import Origin
from o1exp.config.overlay import Overlay
from o1exp.config.reach import as_arms
from o1exp.config.words import Word


class Ended(Exception):
    """A sweep that ended early: its exit code beside what is said."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.code = code


class Refused(Exception):
    """A sweep whose cells are not all right."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def cells(config: DictConfig) -> list[Value]:
    """The overrides of every cell. Errors: Refused where design and axes do not fit."""
    asked = config.hydra.sweeper
    try:
        return designed(Axes.of(config), str(asked.design), int(asked.fraction), int(asked.runs))
    except ValueError as wrong:
        raise Refused([str(wrong)]) from wrong


def checked(config: DictConfig, asked: Sequence[Value], seen: Callable[[Value, Study], None]) -> Study:
    """The study of the first cell; `seen` gets that of every cell. Errors: Refused with every mistake of every cell."""
    mistakes: dict[str, None] = dict.fromkeys(
        f"{word.text}: a cell of a sweep has no arms; leave out -m, or sweep over what the arms set, as in -m thought=distil,shortcut"
        for overrides in asked for word in map(Word.of, overrides)
        if word.key.partition(".")[0] == "arms" and word.text.lstrip("+") != "arms={}"
    )  # fmt: skip
    origin = Origin.of(config.hydra)
    overlay, built, first = Overlay(origin), Built(), None
    for overrides in asked:
        try:
            laid = overlay.laid(overrides)
            config = laid.config if first else copied(laid.config)  # the first one stays
            study = study_of(config, overrides, origin, single=True, built=built, raw=laid.raw)
        except ConfigError as wrong:
            mistakes |= dict.fromkeys(map(as_arms, wrong.mistakes))
            continue
        if study.config.action == "verify":
            raise Refused([*mistakes, "action=verify: it reads all artefacts at once; leave out -m"])
        if not mistakes:
            seen(overrides, study)
        first = first or study
    if mistakes or first is None:
        raise Refused(list(mistakes))
    return first
