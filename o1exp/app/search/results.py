"""What a search found: trials, the best ones, which settings mattered, and a picture of two objectives."""

import warnings
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console as Terminal

from o1exp.app.search.asked import Search
from o1exp.history.cells import CellOutcome
from o1exp.history.runs import replace_text

if TYPE_CHECKING:
    import optuna

PAGE = "search.html"


def show_search(study: "optuna.Study", asked: Search, folder: Path, again: list[CellOutcome]) -> None:
    """Print what was found, and write it as a page."""
    lines = told(study, asked, again)
    terminal = Terminal(highlight=False, soft_wrap=True)
    for text in lines:
        terminal.print(text, markup=False)
    body = "".join(f"<p>{escape(text)}</p>" for text in lines)
    style = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem} svg{max-width:100%;height:auto}"
    replace_text(
        folder / PAGE, f"<!doctype html><meta charset=utf-8><title>Search</title><style>{style}</style>{body}{_picture(study, asked)}"
    )
    terminal.print(f"Search: open {folder / PAGE}")


def told(study: "optuna.Study", asked: Search, again: list[CellOutcome]) -> list[str]:
    """The sentences."""
    counts: dict[str, int] = {}
    for trial in study.get_trials(deepcopy=False):
        counts[trial.state.name.lower()] = counts.get(trial.state.name.lower(), 0) + 1
    lines = [f"{sum(counts.values())} trials: " + ", ".join(f"{count} {state}" for state, count in counts.items())]
    best = study.best_trials
    for trial in best:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in zip(asked.objectives, trial.values, strict=True))
        lines.append(
            f"{'best' if len(best) == 1 else 'not beaten in all objectives'}: trial {trial.number}: {scores} with {_settings(trial, asked)}"
        )
    for name in asked.objectives:
        if found := importance(study, asked, name):
            lines.append(f"what mattered for {name}: " + ", ".join(f"{key} {share:.0%}" for key, share in found.items()))
    if best:
        lines.append(
            f"The best of {counts.get('complete', 0)} trials is partly luck, so that its score is biased upwards: what it is worth, fresh "
            "seeds or held-out problems say"
        )
    for cell in again:
        scores = (
            ", ".join(f"{name} {value:.4g}" for name, value in cell.metrics if name in asked.objectives) or f"{cell.state}: {cell.reason}"
        )
        lines.append(f"trial {cell.number} again with {asked.told_again(cell.overrides)}: {scores}")
    return lines


def importance(study: "optuna.Study", asked: Search, objective: str) -> dict[str, float]:
    """The share of each setting in what an objective varies by; empty where too few trials tell."""
    import optuna

    place = asked.objectives.index(objective)
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(done) < 4 or len({trial.values[place] for trial in done}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(evaluate_on_local=False)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator, target=lambda trial: trial.values[place]))


def _settings(trial: Any, asked: Search) -> str:
    values = {axis.name: axis.values for axis in asked.axes.axes}
    shown = [" ".join(values[name][value]) if values.get(name) else f"{name}={value:.6g}" for name, value in trial.params.items()]
    return " ".join(shown)


def _picture(study: "optuna.Study", asked: Search) -> str:
    """The trials over the first two objectives as SVG, those that no other beats joined; nothing for one objective."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(asked.objectives) < 2 or not done:
        return ""
    xs, ys = ([trial.values[place] for trial in done] for place in (1, 0))
    points = {trial.number: (_at(x, xs, 60, 560), _at(y, ys, 360, 30)) for trial, x, y in zip(done, xs, ys, strict=True)}
    front = sorted(points[trial.number] for trial in study.best_trials)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in front)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#4a5d8f"><title>trial {n}</title></circle>' for n, (x, y) in points.items()
    )
    axes = f'<text x="310" y="395" text-anchor="middle">{escape(asked.objectives[1])} {min(xs):.4g} to {max(xs):.4g}</text>'
    axes += f'<text x="10" y="20">{escape(asked.objectives[0])} {min(ys):.4g} to {max(ys):.4g}</text>'
    return (
        f'<svg viewBox="0 0 600 400" role="img" aria-label="trials over two objectives">{axes}'
        f'<polyline points="{line}" fill="none" stroke="#b3402a" stroke-width="2"/>{dots}</svg>'
    )


def _at(value: float, among: list[float], low: float, high: float) -> float:
    span = max(among) - min(among)
    return low + (high - low) * ((value - min(among)) / span if span else 0.5)
