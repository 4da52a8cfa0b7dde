"""Sweeps: a failed cell stops no other, and one page compares them."""

import json
import os
import shlex
import traceback
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console as Terminal

from o1exp.app.cells import given
from o1exp.app.run import run
from o1exp.app.show import WIDE
from o1exp.config.compose import Study, arms_of
from o1exp.config.error import ConfigError
from o1exp.flow.errors import RunError, Stopped
from o1exp.report import runs
from o1exp.report.compare import rows
from o1exp.report.render import page
from o1exp.report.table import summary
from o1exp.track.tracking import log_page, open_study

_PARENT = "O1EXP_PARENT_RUN"
_codes: list[int] = []


def exit_code() -> int:
    """The worst exit code of the cells of this process's sweep; 0 without one."""
    return max(_codes, default=0)


def run_cell(study: Study) -> None:
    """One cell: its outcome goes to `cell.json` of its folder, and a failure stays its own."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    overrides = [o for o in study.overrides if not o.startswith(("experiment=", "outputs="))]
    outcome: dict[str, Any] = {"overrides": overrides, "code": 0, "error": "", "run": ""}
    try:
        outcome["run"] = run(study, os.environ.get(_PARENT)).name
    except Stopped:
        raise
    except (RunError, ConfigError) as ended:
        outcome |= {"code": ended.code if isinstance(ended, RunError) else 2, "error": str(ended)}
        Terminal(stderr=True).print(f"cell {folder.name} failed: {ended}", markup=False, style="red")
    except Exception as problem:
        outcome |= {"code": 1, "error": "".join(traceback.format_exception(problem))}
        Terminal(stderr=True).print(f"cell {folder.name} failed: {problem}", markup=False, style="red")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cell.json").write_text(json.dumps(outcome, indent=1))


def opened(first: Study, config: DictConfig) -> None:
    """Create what the cells share in MLflow, before the first one starts."""
    _codes.clear()
    if first.config.action == "run" and first.track.enabled:
        root = Path(first.config.outputs).resolve()
        root.mkdir(parents=True, exist_ok=True)
        parent = open_study(first.track, root, first.config.study, sweep=Path(config.hydra.sweep.dir).name)
        os.environ[_PARENT] = parent.run_id


def ended(first: Study, config: DictConfig) -> None:
    """Compare all finished cells on one page."""
    folder = Path(config.hydra.sweep.dir)
    found = sorted((folder / "cells").glob("*/cell.json"), key=lambda path: int(path.parent.name))
    outcomes = [json.loads(path.read_text()) for path in found]
    _codes.extend(outcome["code"] for outcome in outcomes)
    done = [outcome for outcome in outcomes if outcome["run"]]
    if done:
        write_sweep(folder, outcomes, config)
        show(folder, f"{len(done)} of {len(outcomes)} cells done")
        if parent := os.environ.get(_PARENT):
            log_page(first.track, folder.resolve().parents[1], parent, folder)
    os.environ.pop(_PARENT, None)


def show(folder: Path, outcome: str) -> None:
    """The page and the table over all cells."""
    found = runs.find(str(folder), folder.parent.parent)
    arms = runs.merge([found])
    baseline = runs.choose_baseline("", [found], arms)
    command = f"python -m o1exp.report compare {folder}"
    (folder / "report.html").write_text(page(runs.words([found], baseline, command), rows(arms, baseline), arms, 5))
    terminal = Terminal(highlight=False)
    terminal.width = terminal.width if terminal.is_terminal else WIDE
    terminal.print(summary(arms, baseline))
    terminal.print(f"Sweep: {outcome}. To compare with another cell or setting: {command} --baseline NAME --out FILE.html", soft_wrap=True)
    terminal.print(f"Report: open {folder / 'report.html'}", soft_wrap=True)


def write_sweep(folder: Path, outcomes: list[dict[str, Any]], config: DictConfig) -> None:
    """The sweep's run.json: one arm for each finished cell, named by the overrides in which the cells differ."""
    shared = set.intersection(*(set(outcome["overrides"]) for outcome in outcomes))
    arms, failed = {}, {}
    for outcome in outcomes:
        label = " ".join(o for o in outcome["overrides"] if o not in shared) or "run"
        if outcome["run"]:
            record = json.loads((folder.parent / outcome["run"] / "run.json").read_text())
            arms[label] = next(iter(record["arms"].values()))
        else:
            failed[label] = outcome["error"].splitlines()[0] if outcome["error"] else ""
    record = {
        "name": folder.name, "title": str(config.study), "arms": arms, "failed": failed, "report": "",
        "baseline": baseline(config, list(arms)), "overrides": sorted(shared),
        "command": shlex.join(["o1exp", "-m", *given(config)]),
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def baseline(config: DictConfig, labels: list[str]) -> str:
    """What the cells are compared with: the study's baseline as a cell, or as the one setting that makes it ("thought=shortcut")."""
    own = arms_of(config).get(config.baseline) or []
    wanted = [str(config.baseline), *(own if len(own) == 1 else [])]
    return next((name for name in wanted if name and any(name == label or name in label.split(" ") for label in labels)), "")
