"""Many files that are one set: the parts in a folder (`train-00000-of-00003.parquet`), or what a pattern (`data/*.jsonl`) names."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

ENDINGS = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".gz", ".zst", ".xz", ".bz2")
"""Files of a folder that may be parts; packed ones are then refused by name."""
_NUMBER = re.compile(r"[-_.]?(?:part[-_.]?)?(\d+)(?:-of-(\d+))?$")
_SAVED = ("dataset_info.json", "state.json", "dataset_dict.json")
_ASIDE = frozenset({"README", "LICENSE", "config", "metadata", "dataset_infos"})


def is_pattern(path: Path) -> bool:
    """A path with `*`, `?` or `[` in it where nothing has that very name."""
    return glob.has_magic(str(path)) and not path.exists()


def is_sharded(path: Path) -> bool:
    """A pattern, or a folder of parts that `save_to_disk` did not write."""
    if is_pattern(path):
        return True
    return path.is_dir() and not any((path / name).is_file() for name in _SAVED) and bool(_inside(path))


def files(path: Path) -> list[Path]:
    """All files of a folder, or those that a pattern names, by name."""
    if is_pattern(path):
        return sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())
    return sorted(one for one in path.rglob("*") if one.is_file())


def parts(path: Path, split: str = "") -> list[Path]:
    """The parts of one set in the order of their numbers; `split` names the set where the names of a folder's files tell several.

    Errors: ValueError where no file is a part, several sets are there and none is named, or a part of "-of-" so many is missing.
    """
    found = files(path) if is_pattern(path) else _inside(path)
    if not found:
        raise ValueError(f"{path} names no file; give a pattern that matches the parts, e.g. data/train-*.parquet")
    sets: dict[str, list[Path]] = {}
    for one in found:
        sets.setdefault(_set(one), []).append(one)
    if split:
        if split not in sets:
            raise ValueError(f"{path} has no split {split}; its files are named {', '.join(sets)}")
        sets = {split: sets[split]}
    elif len(sets) > 1 and not is_pattern(path):
        raise ValueError(f"{path} holds several sets of files: say which by split=NAME, or give a pattern; it has {', '.join(sets)}")
    for own in sets.values():
        _whole(path, own)
    return [one for own in sets.values() for one in sorted(own, key=lambda one: (_place(one), one.name))]


def _inside(folder: Path) -> list[Path]:
    """The files that may be parts: of the folder, or of `data` in it, as on the hub."""
    for place in (folder, folder / "data"):
        found = sorted(place.iterdir()) if place.is_dir() else []
        own = [one for one in found if one.is_file() and one.suffix.lower() in ENDINGS and one.stem.split(".")[0] not in _ASIDE]
        if own := [one for one in own if not one.name.startswith(".")]:
            return own
    return []


def _stem(path: Path) -> str:
    """The name without its endings."""
    name = path.name
    while (ending := Path(name).suffix.lower()) in ENDINGS:
        name = name[: -len(ending)]
    return name


def _set(path: Path) -> str:
    """What the name says without its number; "part" for one that is a number alone."""
    stem = _stem(path)
    return _NUMBER.sub("", stem) or "part"


def _place(path: Path) -> int:
    found = _NUMBER.search(_stem(path))
    return int(found[1]) if found else -1


def _whole(path: Path, own: Sequence[Path]) -> None:
    totals = {int(found[2]): found for one in own if (found := _NUMBER.search(_stem(one))) and found[2]}
    for total in totals:
        there = {_place(one) for one in own}
        first = 1 if total in there and 0 not in there else 0
        if missing := sorted(set(range(first, total + first)) - there):
            raise ValueError(f"{path} lacks {len(missing)} of {total} parts of {_set(own[0])}, the first is number {missing[0]}; add them")
