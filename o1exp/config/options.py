"""Where Hydra finds options: YAML files, each checked against the class that it names, and never the classes themselves.

An option names its class in `defaults: [Class, _self_]` (a class of its group, o1exp/config/groups.py) or, for any class of settings that
can be imported, in `_target_: package.Class`.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.conf import HydraConf
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from o1exp.config import catalogue, spine
from o1exp.config.error import ConfigError
from o1exp.config.groups import GROUPS
from o1exp.config.schema import SAME, root, same_schema, schema
from o1exp.config.sentences import line_of, not_yaml, plain, unknown_setting, wrong_type
from o1exp.config.spine import place_of

ROOT = "Root"
_read: dict[tuple[str, int, int, int], ConfigResult | None] = {}
"""Every file that was read, by path, times and size. It is kept from the second time on: some commands compose once, others often."""


class MorePlaces(SearchPathPlugin):
    """Folders beside conf/ while a config is composed outside a command: also the primary config may stand there."""

    paths: ClassVar[list[str]] = []

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for path in self.paths:
            search_path.append("more", path)


def register() -> None:
    """Let Hydra read every folder of options through this module."""
    Plugins.instance().register(MorePlaces)  # and Hydra's own source of files, which ours stands for
    SourcesRegistry.instance().types["file"] = FileConfigSource


class FileConfigSource(file_config_source.FileConfigSource):
    """A folder of options. A class of a group can be named in the defaults of a YAML file, but is no option itself.

    It has the name of Hydra's own: the registry keeps the first class of a name, also in a worker process, which registers all anew.
    """

    def is_config(self, config_path: str) -> bool:
        return super().is_config(config_path) or _schema_of(config_path, self.path) is not None

    def load_config(self, config_path: str) -> ConfigResult:
        """Errors: ConfigError with file and line of every setting that the option's class does not take."""
        if not super().is_config(config_path) and (made := _schema_of(config_path, self.path)) is not None:
            return ConfigResult(self.provider, self.full_path(), made(), {"package": None})
        file = Path(self.path, self._normalize_file_name(config_path))
        state = file.stat()
        seen = (str(file), state.st_mtime_ns, state.st_ctime_ns, state.st_size)
        if seen not in _read:
            _read[seen] = None
            return self._load(config_path, file)
        kept = _read[seen] = _read[seen] or self._load(config_path, file)
        return copy.deepcopy(kept)

    def _load(self, config_path: str, file: Path) -> ConfigResult:
        try:
            text = spine.text(file)
        except ValueError as wrong:
            raise ConfigError([str(wrong)]) from wrong
        try:
            config = OmegaConf.create(yaml.load(text, Loader=loader()) or {})
        except (yaml.YAMLError, OmegaConfBaseException) as wrong:
            raise ConfigError([not_yaml(file) or f"{place_of(file)}: {plain(wrong)}"]) from wrong
        group, _, _ = config_path.partition("/")
        if isinstance(config, DictConfig) and group not in ("hydra", "experiment"):
            config = _checked(config, group, file)
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as wrong:
            raise ConfigError([f"{place_of(file)}, line 1: {wrong}; write # @package NAME"]) from wrong
        return ConfigResult(self.provider, self.full_path(), config, header)


@cache
def loader() -> Any:
    """OmegaConf's own reading of YAML, with the parser in C where there is one: a command reads thirty files before it does anything."""
    ours = get_yaml_loader()

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers = ours.yaml_implicit_resolvers

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
            names = [key.value for key, _ in node.value if key.tag == yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise yaml.constructor.ConstructorError(None, None, f"{twice} stands there twice", node.start_mark)
            return super().construct_mapping(node, deep=deep)

    return Loader


@dataclass(frozen=True)
class Origin:
    """Where a config comes from: the name of the primary config, and the folders of options, conf/ first."""

    name: str = "config"
    places: tuple[Path, ...] = (spine.conf_dir(),)

    @classmethod
    def of(cls, hydra: HydraConf | DictConfig) -> "Origin":
        """The origin of a config that Hydra composed, from its hydra node."""
        found = [Path(source.path).resolve() for source in hydra.runtime.config_sources if source.schema == "file" and source.path]
        return cls(str(hydra.job.config_name or "config"), tuple(dict.fromkeys(found)))

    @classmethod
    def named(cls, words: Sequence[str]) -> "Origin":
        """The origin that a command line names."""
        names = list(spine.flags(words, "--config-name", "-cn"))
        return cls(names[-1] if names else "config", tuple(spine.places(words)))


def composed(overrides: Sequence[str], origin: Origin) -> DictConfig:
    """The config as Hydra composes it. Errors: ConfigError for an option file, and Hydra's and OmegaConf's own."""
    register()
    words = [word for word in overrides if not word.startswith("hydra.searchpath=")]
    more = [f"file://{place}" for place in origin.places[1:] if place.is_dir()]
    if GlobalHydra.instance().is_initialized():  # the primary config is found already
        return compose(origin.name, overrides=[*words, f"hydra.searchpath={more}"] if more else words)
    MorePlaces.paths = more
    try:
        with initialize_config_dir(str(origin.places[0]), version_base="1.3"):
            return compose(origin.name, overrides=words)
    finally:
        MorePlaces.paths = []


def _schema_of(path: str, place: str) -> Callable[[], DictConfig] | None:
    """What makes the schema of the class at "group/Class", or that of the spine at "Root"; None for any other path."""
    group, _, name = path.rpartition("/")
    if path == ROOT and Path(place, "config.yaml").exists():
        return lambda: root(Path(place))
    if name == "Same" and group in GROUPS:
        return lambda: same_schema(group)
    target = next((target for target in GROUPS.get(group, ()) if target.endswith(f".{name}")), None)
    return (lambda: schema(target, group)) if target else None


def _checked(config: DictConfig, group: str, file: Path) -> DictConfig:
    """The option's settings on the schema of its class; as it is where it names none."""
    defaults = config._get_node("defaults")
    given = OmegaConf.to_container(defaults, resolve=False) if OmegaConf.is_list(defaults) else []
    made = None
    if isinstance(given, list) and len(given) == 2 and given[1] == "_self_" and isinstance(given[0], str):
        made = _schema_of(f"{group}/{given[0]}", str(file.parent))
    if made is not None:
        del config["defaults"]
        typed = made()
    elif "_target_" in config:
        typed = _foreign(str(config["_target_"]), group, file)
    else:
        return config
    try:
        merged = OmegaConf.unsafe_merge(typed, config)
    except OmegaConfBaseException as wrong:
        raise ConfigError(list(_mistakes(config, typed, file)) or [f"{place_of(file)}: {plain(wrong)}"]) from wrong
    assert isinstance(merged, DictConfig)
    return merged


def _foreign(target: str, group: str, file: Path) -> DictConfig:
    try:
        return schema(target, group)
    except ValueError as wrong:
        raise ConfigError([f"{line_of(file, ['_target_'])}: _target_={wrong}"]) from wrong


def _mistakes(config: DictConfig, typed: DictConfig, file: Path) -> Iterator[str]:
    renamed = catalogue.facts(typed["_target_"]).renamed if typed["_target_"] != SAME else {}
    given = OmegaConf.to_container(config, resolve=False)
    assert isinstance(given, dict)
    for name, value in given.items():
        place = line_of(file, [str(name)])
        if name not in typed:
            yield f"{place}: {unknown_setting(str(name), value, [str(key) for key in typed], renamed)}"
        elif not (isinstance(value, str) and "${" in value):
            try:
                OmegaConf.update(typed, str(name), value)
            except OmegaConfBaseException as wrong:
                yield f"{place}: {wrong_type(str(name), value, wrong)}"
