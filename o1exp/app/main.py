"""The command line: compose, then plan, explain or run. Exit codes: 0 done, 1 failed, 2 wrong config, 3 budget, 130 interrupted."""

import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console as Terminal

from o1exp.app import sweep
from o1exp.app.run import explain, run, show_plan, verify
from o1exp.config.compose import check_choices, composed, conf_dir, register_all, study_of
from o1exp.config.graph import ConfigError
from o1exp.config.help import help_text
from o1exp.flow.disk import unwritable
from o1exp.flow.errors import RunError, Stopped

WRONG_CONFIG, INTERRUPTED = 2, 130
_ended: list[ConfigError | RunError] = []


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def _job(config: DictConfig) -> None:
    overrides = list(HydraConfig.get().overrides.task)
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        _act(config, overrides, in_sweep)
    except (ConfigError, RunError) as ended:  # Hydra would print its own words on top of ours
        _ended.append(ended)


def _act(config: DictConfig, overrides: list[str], in_sweep: bool) -> None:
    study = study_of(config, overrides, HydraConfig.get().job.config_name or "config", single=in_sweep)
    if config.action == "verify":
        verify(study)
    elif config.action == "plan":
        show_plan(study)
    elif config.action == "why":
        explain(study)
    elif in_sweep:
        sweep.run_cell(study)
    else:
        run(study)


def main() -> None:
    """The console script."""
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(help_text(conf_dir()), end="")
        sys.exit(0)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    terminal = Terminal(stderr=True, soft_wrap=True, highlight=False)
    sys.exit(_guarded(terminal))


def _guarded(terminal: Terminal) -> int:
    register_all()
    try:
        check_choices(sys.argv[1:])
        _job()
        if _ended:
            raise _ended[0]
        return sweep.exit_code()
    except (ConfigError, sweep.Refused) as wrong:
        mistakes = wrong.mistakes
    except (HydraException, OmegaConfBaseException) as wrong:
        mistakes = _explained(wrong)
    except Stopped:
        terminal.print("interrupted; run the same command again to go on", markup=False)
        return INTERRUPTED
    except KeyboardInterrupt:
        terminal.print("interrupted; run the same command again to go on", markup=False)
        return INTERRUPTED
    except (RunError, sweep.Ended) as ended:
        terminal.print(str(ended), markup=False, style="red")
        return ended.code
    except OSError as problem:  # of the files that Hydra writes
        why = unwritable(problem, _outputs(sys.argv[1:]))
        if why is None:
            raise
        terminal.print(why, markup=False, style="red")
        return RunError.code
    terminal.print("The configuration is wrong; nothing was started:", style="bold red")
    for line in mistakes:
        terminal.print(f"  {line}", markup=False)
    return WRONG_CONFIG


def _outputs(words: list[str]) -> Path:
    """The outputs folder, where no config can be asked."""
    return Path(next((word.partition("=")[2] for word in words if word.startswith("outputs=")), "outputs")).resolve()


def _explained(wrong: Exception) -> list[str]:
    """Compose the command line's overrides again, one by one, to name each that is wrong; a sweep's were checked before."""
    words = sys.argv[1:]
    own_words = ["; ".join(line.strip() for line in str(wrong).splitlines()[:4])]
    if {"-m", "--multirun"} & set(words):
        return own_words
    overrides = [word for word in words if "=" in word and not word.startswith("-")]
    if "--config-dir" in words[:-1]:
        overrides.insert(0, f"hydra.searchpath=[file://{Path(words[words.index('--config-dir') + 1]).resolve()}]")
    try:
        composed(overrides)
    except ConfigError as all_of_them:
        return all_of_them.mistakes
    return own_words


if __name__ == "__main__":
    main()
