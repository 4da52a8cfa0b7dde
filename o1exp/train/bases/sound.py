"""Are a model folder's files whole, as far as names, sizes and headers tell? Weights are not read."""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WEIGHTS, INDEX = ".safetensors", ".safetensors.index.json"
LONGEST_HEADER = 10**8
"""Bytes that the format allows for the header of a safetensors file."""


def unsound(files: Mapping[str, Path]) -> Iterator[str]:
    """A sentence for each file that is cut off, is no JSON, or names weights that are not there."""
    for name, path in files.items():
        if name.endswith(WEIGHTS):
            found = _cut(path)
        elif name.endswith(".json"):
            found = _no_object(path)
        else:
            continue
        if found:
            yield f"{path} {found}; download or save the model again"
    for name, path in files.items():
        if name.endswith(INDEX) and not _no_object(path):
            shards = json.loads(path.read_text(encoding="utf-8")).get("weight_map")
            named = set(shards.values()) if isinstance(shards, dict) else set()
            if gone := sorted(shard for shard in map(str, named) if not (path.parent / shard).is_file()):
                yield f"{path} names {gone[0]}, which is not there; download or save the model again"


def _no_object(path: Path) -> str:
    try:
        return "" if isinstance(json.loads(path.read_text(encoding="utf-8")), dict | list) else "holds no JSON object"
    except ValueError as wrong:
        return f"is no JSON ({wrong})"


def _cut(path: Path) -> str:
    """The header gives each tensor's place: the last one ends where the file does."""
    size = path.stat().st_size
    if not size:
        return "is empty"
    with path.open("rb") as content:
        first = content.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= LONGEST_HEADER:
            return "is no safetensors file"
        if size < 8 + length:
            return "is cut off in its header"
        try:
            tensors: dict[str, Any] = json.loads(content.read(length))
            if not tensors.keys() - {"__metadata__"}:
                return "holds no weights"
            ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
            whole = 8 + length + max(ends, default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "is no safetensors file"
    return "" if size == whole else f"has {size:,} bytes and its header says {whole:,}"
