"""The GPUs that this process may use, found without loading what computes on them."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""With this, an index means to CUDA what it means to nvidia-smi."""
BOARD = re.compile(r"GPU (\d+): .*\(UUID: (\S+)\)")
SLICE = re.compile(r"\s+MIG .*\(UUID: (\S+)\)")


@dataclass(frozen=True)
class Gpu:
    """A GPU or a MIG slice of one: `identity` is the same in every process of the machine, `name` is how CUDA_VISIBLE_DEVICES calls it."""

    identity: str
    name: str


@dataclass(frozen=True)
class Board:
    """A GPU as nvidia-smi lists it, with the identities of its MIG slices."""

    index: int
    identity: str
    slices: tuple[str, ...] = ()

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """What can be had of it: its slices, or itself where it is not cut."""
        return tuple(Gpu(one, one) for one in self.slices) or (Gpu(self.identity, str(self.index)),)


@cache
def boards() -> tuple[Board, ...]:
    """The GPUs of this machine, or of this container; by their device files where there is no nvidia-smi."""
    try:
        return parsed(subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout)
    except (OSError, subprocess.SubprocessError):
        files = sorted(int(path.name[6:]) for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit())
        return tuple(Board(index, f"/dev/nvidia{number}") for index, number in enumerate(files))


def parsed(listed: str) -> tuple[Board, ...]:
    """What `nvidia-smi -L` says: a line for each GPU, each followed by those of its slices."""
    found: list[Board] = []
    for line in listed.splitlines():
        if board := BOARD.match(line):
            found.append(Board(int(board[1]), board[2]))
        elif (piece := SLICE.match(line)) and found:
            last = found.pop()
            found.append(Board(last.index, last.identity, (*last.slices, piece[1])))
    return tuple(found)


def seen(found: Sequence[Board], visible: str | None) -> tuple[Gpu, ...]:
    """What CUDA_VISIBLE_DEVICES leaves of them, in its order: indices, or identities and the beginnings of such. None: all.

    As CUDA reads it: nothing is seen from the first name on that it does not know, and a GPU that is named twice makes the list void.
    """
    if visible is None:
        return tuple(gpu for board in found for gpu in board.gpus)
    kept: list[Gpu] = []
    for name in map(str.strip, visible.split(",")):
        gpu = _named(found, name)
        if gpu is None:
            break
        kept.append(gpu)
    return tuple(kept) if len({gpu.identity for gpu in kept}) == len(kept) else ()


def _named(found: Sequence[Board], name: str) -> Gpu | None:
    if name.isdigit():
        return next((board.gpus[0] for board in found if board.index == int(name)), None)
    if not name.startswith(("GPU-", "MIG-")):
        return None
    every = [identity for board in found for identity in (board.identity, *board.slices)]
    if every and all(identity.startswith("/dev/") for identity in every):
        return Gpu(name, name)  # nobody here knows their identities, but CUDA does
    fitting = [identity for identity in every if identity.startswith(name)]
    return Gpu(fitting[0], name) if len(fitting) == 1 else None


def here() -> tuple[Gpu, ...]:
    """What this process may use."""
    return seen(boards(), os.environ.get(VISIBLE))


def too_few(count: int, found: Sequence[Gpu]) -> str:
    """Why no stage of this process, which may use `found`, can have so many GPUs, and what would do; "" where it can."""
    if count <= len(found):
        return ""
    every, visible = seen(boards(), None), os.environ.get(VISIBLE)
    there = f"this machine has {_counted(max(len(every), len(found)))}"
    there += f", of which CUDA_VISIBLE_DEVICES={visible} leaves {len(found)}" if visible is not None and every else ""
    remedy = f"set machine.devices={len(found)}" if found else "set machine=cpu, or run where there is one"
    return f"it takes {_counted(count)}, but {there}; {remedy}"


def _counted(number: int) -> str:
    return {0: "no GPU", 1: "1 GPU"}.get(number, f"{number} GPUs")
