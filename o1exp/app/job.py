"""A command under Hydra: compose, then plan, explain or run. Composing imports no stage; they come with the first graph."""

import io
import os
import re
import signal
import sys
import time
import traceback
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from o1exp.config import options
from o1exp.config.error import ConfigError
from o1exp.config.guard import secret_words
from o1exp.config.mistakes import choice_mistakes, explained
from o1exp.config.options import Origin
from o1exp.config.spine import EXPERIMENT, conf_dir, missing
from o1exp.secrets import masked

FAILED, WRONG_CONFIG, INTERRUPTED = 1, 2, 130
HOW = {"action", "stale", "goal", "outputs", "seed", "machine", "budget", "store", "ledger", "track", "hydra"}
"""What a command can say without being a study of its own."""
VALUED = {"--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p"}
"""Flags whose value is a word of its own."""
ONCE = 1.0
"""Seconds in which several signals are one."""
PARTS: list[str] = []
"""The stages that this process makes of its run, by the first letters of their keys; none: all of them."""
SAID: list[str] = []
"""What was told of how the run ended."""
_ended: list[Exception] = []
_interrupts: list[float] = []


class _Masked(io.TextIOBase):
    """Standard output while Hydra prints a config that nobody has looked at yet."""

    def __init__(self) -> None:
        self._out = sys.stdout

    def write(self, text: str) -> int:
        self._out.write(masked(text))
        return len(text)


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def _job(config: DictConfig) -> tuple[tuple[str, float], ...]:
    from o1exp.flow.errors import RunError

    try:
        return _act(config)
    except Exception as ended:  # Hydra would print its own words on top of ours
        if HydraConfig.get().mode == RunMode.MULTIRUN and not isinstance(ended, ConfigError | RunError):
            raise
        _ended.append(ended)
        return ()


def _act(config: DictConfig) -> tuple[tuple[str, float], ...]:
    """What a cell of a sweep is measured by, for launchers that hand it on; nothing for all else."""
    from o1exp.config.compose import study_of

    setup = HydraConfig.get()
    overrides = OmegaConf.to_container(setup.overrides.task, resolve=False)  # `think.data=${mix}` is an edge, not a value of this list
    assert isinstance(overrides, list)
    in_sweep = setup.mode == RunMode.MULTIRUN
    study = study_of(config, overrides, Origin.of(setup), single=in_sweep)
    if config.action == "verify":
        from o1exp.app.run import verify

        verify(study)
    elif config.action == "plan":
        from o1exp.app.page import show_plan

        show_plan(study)
    elif config.action == "why":
        from o1exp.app.show import explain

        explain(study)
    elif config.action == "status":
        from o1exp.app.status import show_status

        show_status(study)
    elif PARTS:
        from o1exp.app.run import run_part

        run_part(study, PARTS)
    elif in_sweep:
        from o1exp.app.cell import run_cell

        return run_cell(study)
    else:
        from o1exp.app.run import run

        run(study)
    return ()


def arranged(words: list[str]) -> list[str]:
    """The words for Hydra: a command that only says how to run is the quick start, and experiment=null is experiment=none.

    scale=tiny chooses the experiment's small world: experiment=paper/math scale=tiny is experiment=paper/math/tiny.
    """
    words = together(scaled(words))
    overrides = [word for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]
    what = [word for word in overrides if re.split(r"[.=/@]", word.lstrip("+~"))[0] not in HOW]
    flags = {word.partition("=")[0] for word in words if word.startswith("-")}
    if not what and not flags & {"-m", "--multirun", "--config-name", "-cn"}:
        return [*words, f"{EXPERIMENT}=quickstart"]
    return [f"{EXPERIMENT}=none" if word == f"{EXPERIMENT}=null" else word for word in words]


def together(words: list[str]) -> list[str]:
    """The words with all overrides behind all flags: Hydra takes them in one piece only."""
    others, overrides = list[str](), list[str]()
    for before, word in zip(["", *words], words, strict=False):
        is_override = not word.startswith("-") and ("=" in word or word.startswith("~")) and before not in VALUED
        (overrides if is_override else others).append(word)
    return [*others, *overrides]


def scaled(words: list[str]) -> list[str]:
    """The words with `scale=NAME` as a part of the experiment's name; scale=full is the experiment itself."""
    names = [word.partition("=")[2] for word in words if word.startswith("scale=")]
    below = f"/{names[-1]}" if names and names[-1] != "full" else ""
    left = [word for word in words if not word.startswith("scale=")]
    return [",".join(f"{name}{below}" for name in word.split(",")) if word.startswith(f"{EXPERIMENT}=") else word for word in left]


def launched() -> int:
    """Do what the command line says. Returns the exit code."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    signal.signal(signal.SIGTERM, _interrupt)  # schedulers and containers end a run so; it goes on as after Ctrl-C
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background ignores it
        signal.signal(signal.SIGINT, _interrupt)
    words = sys.argv[1:] = arranged(sys.argv[1:])
    _ended.clear()
    options.register()
    try:
        if absent := missing(words):
            return _refused([*secret_words(words), *absent])
        if wrong := [*secret_words(words), *choice_mistakes(words, Origin.named(words))]:
            raise ConfigError(wrong)
        with redirect_stdout(_Masked()) if any(word.startswith(("-c", "--cfg")) for word in words) else nullcontext():
            _job()
    except (HydraException, OmegaConfBaseException, ValueError) as problem:  # composing ended; what a job raises is in _ended
        return _refused(explained(words, Origin.named(words), problem))
    except SystemExit as left:  # a flag that Hydra does not know; it has said so
        return left.code if isinstance(left.code, int) else FAILED
    except BaseException as ended:
        return _end(ended)
    return _end(_ended[0]) if _ended else _sweep_code()


def _interrupt(number: int, frame: Any) -> None:
    """End the run as Ctrl-C does. Further signals within a second would only break its tidying: some people and schedulers send two."""
    if not _interrupts or time.monotonic() - _interrupts[-1] > ONCE:
        _interrupts.append(time.monotonic())
        raise KeyboardInterrupt


def _sweep_code() -> int:
    """The worst exit code of the cells, where there was a sweep."""
    sweep = sys.modules.get("o1exp.app.sweep")
    return sweep.exit_code() if sweep else 0


def _end(ended: BaseException) -> int:
    """The exit code of a run that ended early, and its words; of what is none of ours, where it came from."""
    from o1exp.app.cells import Ended, Refused
    from o1exp.flow.disk import unwritable
    from o1exp.flow.errors import RunError, Stopped

    if isinstance(ended, ConfigError | Refused):
        return _refused(ended.mistakes)
    if isinstance(ended, Stopped | KeyboardInterrupt):
        _say("interrupted; run the same command again to go on")
        return INTERRUPTED
    if isinstance(ended, RunError | Ended):
        _say(str(ended), "red")
        return ended.code
    if isinstance(ended, OSError) and (why := unwritable(ended, _outputs(sys.argv[1:]))):  # of the files that Hydra writes
        _say(why, "red")
        return RunError.code
    _say("".join(traceback.format_exception(ended)))
    return FAILED


def _outputs(words: list[str]) -> Path:
    """The outputs folder, where no config can be asked."""
    return Path(next((word.partition("=")[2] for word in words if word.startswith("outputs=")), "outputs")).resolve()


def _refused(mistakes: list[str]) -> int:
    _say("The configuration is wrong; nothing was started:", "bold red")
    for line in mistakes:
        _say(f"  {line}")
    return WRONG_CONFIG


def _say(text: str, style: str | None = None) -> None:
    from rich.console import Console

    SAID.append(masked(text))
    Console(stderr=True, soft_wrap=True, highlight=False).print(masked(text), markup=False, style=style)
