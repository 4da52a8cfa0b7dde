"""The spine, conf/config.yaml, as a list of nodes, and the files of their options. Needs no Hydra: the help and completion read it too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from o1exp.config.groups import GROUPS

EXPERIMENT = "experiment"
_REQUIRED = "???"


CHOICES = {"action": ("run", "plan", "why", "status", "verify"), "stale": ("warn", "remake")}
"""What can be said of these settings of a command."""


@dataclass(frozen=True)
class Node:
    """A node of the graph: an option of `group` stands at `name`, by default `option` (several where the node is a list)."""

    name: str
    group: str
    option: str | list[str]

    @property
    def choice(self) -> str:
        """What chooses it on the command line: `thought`, or `sft@think` where the group has several nodes."""
        return self.group if self.group == self.name else f"{self.group}@{self.name}"


@dataclass
class Run:
    """What a command says beside its nodes."""

    data: str = ""
    arms: dict[str, list[str]] = field(default_factory=dict)
    baseline: str = ""
    study: str = _REQUIRED
    seed: int = 0
    goal: str = "report"
    action: str = "run"
    stale: str = "warn"
    outputs: str = "outputs"


@cache
def conf_dir() -> Path:
    """The checkout's conf/ where there is one, else the one that the wheel carries."""
    package = Path(__file__).resolve().parents[1]
    beside = package.parent / "conf"
    return beside if (beside / "config.yaml").exists() else package / "conf"


def nodes(conf: Path) -> list[Node]:
    """Every node that the defaults list of `conf`/config.yaml fills, in its order."""
    state = (conf / "config.yaml").stat()
    return list(_nodes(conf / "config.yaml", (state.st_mtime_ns, state.st_size)))


@cache
def _nodes(spine: Path, state: tuple[int, int]) -> tuple[Node, ...]:
    """Those of a file as it is; it is asked for some settings of each cell of a sweep."""
    found = []
    for entry in _yaml(spine)["defaults"]:
        choice, option = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
        group, _, name = choice.partition("@")
        if option is not None and not choice.startswith("override ") and group != EXPERIMENT:
            found.append(Node(name or group, group, option))
    return tuple(found)


def options(places: Sequence[Path], group: str) -> dict[str, Path]:
    """The options of a group by name, e.g. paper/math of experiment, with the file of each; the first of `places` wins."""
    found: dict[str, Path] = {}
    for place in places:
        for path in sorted((place / group).rglob("*.yaml")):
            if path.is_file():
                found.setdefault(path.relative_to(place / group).with_suffix("").as_posix(), path)
    return dict(sorted(found.items()))


def groups(places: Sequence[Path]) -> list[str]:
    """The folders of options."""
    return sorted({path.name for place in places if place.is_dir() for path in place.iterdir() if path.is_dir()})


def places(words: Sequence[str]) -> list[Path]:
    """The folders whose options a command line can choose: conf/, and those that `--config-dir` and hydra.searchpath name."""
    return list(dict.fromkeys([conf_dir(), *(Path(folder).resolve() for folder in _named(words))]))


def _named(words: Sequence[str]) -> list[str]:
    paths = [part.strip("[]'\" ") for word in words if word.startswith("hydra.searchpath=") for part in word.split("=", 1)[1].split(",")]
    folders = [*flags(words, "--config-dir", "-cd"), *(path.removeprefix("file://") for path in paths if not path.startswith("pkg://"))]
    return [folder for folder in folders if folder]


def missing(words: Sequence[str]) -> list[str]:
    """A sentence for each folder of options, and for the primary config, that a command line names and that is not there."""
    found = [
        f"{folder}: there is no such folder of options (looked from {Path.cwd()})" for folder in _named(words) if not Path(folder).is_dir()
    ]
    names = [name.removesuffix(".yaml") for name in flags(words, "--config-name", "-cn")]
    if found or not names or list(flags(words, "--config-path", "-cp")):
        return found
    known = [path.stem for place in places(words) for path in sorted(place.glob("*.yaml")) if not path.stem.startswith("benchmark")]
    if any((place / f"{names[-1]}.yaml").is_file() for place in places(words)):
        return []
    import difflib

    near = [f"did you mean {name}? " for name in difflib.get_close_matches(names[-1], known, n=1)]
    remedy = "name its folder with --config-dir" if not _named(words) else f"choose one of {', '.join(dict.fromkeys(known))}"
    return [f"--config-name {names[-1]}: there is no {names[-1]}.yaml; {''.join(near)}{remedy}"]


def flags(words: Sequence[str], *names: str) -> Iterator[str]:
    """The values of a flag that is spelled in one of these ways."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        flag, _, value = word.partition("=")
        if flag in names:
            yield value or following


def body(file: Path) -> dict[str, Any]:
    """What an option's file says; nothing where it is no YAML, which is said when it is chosen."""
    try:
        found = _yaml(file)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def class_of(file: Path) -> str:
    """The class that an option names: dotted in `_target_`, bare in its defaults; "" for none."""
    said = body(file)
    first = next(iter(said.get("defaults") or []), "")
    return str(said.get("_target_") or (first if isinstance(first, str) and first != "_self_" else ""))


def target_of(file: Path, group: str) -> str | None:
    """The dotted path of the class that an option of the group names; None for an ablated step and for an experiment."""
    name = class_of(file)
    return name if "." in name else next((target for target in GROUPS.get(group, ()) if target.endswith(f".{name}")), None)


def tree(file: Path) -> Any:
    """The nodes of a YAML file, each with its line. Errors: yaml.YAMLError; ValueError for what is no text."""
    import yaml

    return yaml.compose(text(file), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def text(file: Path) -> str:
    """What the file says. Errors: ValueError with a sentence where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{place_of(file)}: is no UTF-8 text; save it as UTF-8") from wrong
    except OSError as wrong:
        raise ValueError(f"{place_of(file)}: cannot be read ({wrong.strerror})") from wrong


def place_of(file: Path) -> Path:
    """The path as a user of this folder writes it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _yaml(path: Path) -> Any:
    """Errors: ValueError for what is no YAML."""
    import yaml

    try:
        return yaml.load(text(path), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as wrong:
        raise ValueError(f"{path}: {wrong}") from wrong
