"""What the app leaves of a finished run: `run.json` and `config.yaml` in its folder."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from o1exp.history.arms import Arm, gather


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One finished run.

    `key` says whether it was logged before; `arms` are name -> "Result/<key>"; `stages` name -> key; `config` is the resolved config as
    plain values, free of secrets; `folder` holds the files to keep beside the run (None: none).
    """

    name: str
    key: str
    study: str
    arms: dict[str, str]
    baseline: str = ""
    report: str = ""
    stages: dict[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    command: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @classmethod
    def load(cls, folder: Path) -> "RunRecord":
        """The record in `runs/<name>/`."""
        stored = json.loads((folder / "run.json").read_text())
        config = _config(folder / "config.yaml")
        report, study = str(stored.get("report", "")), str(config.get("study") or stored.get("title") or "study")
        return cls(
            name=stored["name"], key=report.partition("/")[2] or stored["name"], study=study,
            arms=dict(stored["arms"]), baseline=str(stored.get("baseline", "")), report=report, stages=dict(stored.get("stages", {})),
            overrides=tuple(stored.get("overrides", ())), command=str(stored.get("command", "")), config=config, folder=folder,
        )  # fmt: skip

    def gathered(self, root: Path) -> list[Arm]:
        return gather(root, self.arms)


def _config(path: Path) -> dict[str, Any]:
    """The config with its scalar references resolved; a reference to another part (an edge of the graph) keeps its text."""
    if not path.is_file():
        return {}
    from omegaconf import OmegaConf

    loaded = OmegaConf.load(path)
    plain: dict[str, Any] = _resolved(loaded)
    return plain


def _resolved(node: Any) -> Any:
    from omegaconf import DictConfig, ListConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not isinstance(node, DictConfig | ListConfig):
        return node
    raw: Any = OmegaConf.to_container(node, resolve=False)
    found: dict[Any, Any] = {}
    for key in raw if isinstance(node, DictConfig) else range(len(raw)):
        text, value = raw[key], None
        try:
            value = node[key]
        except OmegaConfBaseException:
            value = text
        edge = isinstance(text, str) and isinstance(value, DictConfig | ListConfig)
        found[key] = text if edge else _resolved(value)
    return found if isinstance(node, DictConfig) else list(found.values())
