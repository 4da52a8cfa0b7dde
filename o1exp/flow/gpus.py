"""The GPUs that this process may use, found without loading what computes on them."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""With this, an index means to CUDA what it means to nvidia-smi."""
BOARD = re.compile(r"GPU (\d+): (.*) \(UUID: (\S+)\)")
SLICE = re.compile(r"\s+(MIG \S+) .*\(UUID: (\S+)\)")


@dataclass(frozen=True)
class Gpu:
    """A GPU or a MIG slice of one: `identity` is the same in every process of the machine, `name` is how CUDA_VISIBLE_DEVICES calls it."""

    identity: str
    name: str
    model: str = ""


@dataclass(frozen=True)
class Board:
    """A GPU as nvidia-smi lists it, with its MIG slices."""

    index: int
    identity: str
    model: str = ""
    slices: tuple[Gpu, ...] = ()

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """What can be had of it: its slices, or itself where it is not cut."""
        return self.slices or (Gpu(self.identity, str(self.index), self.model),)


ASKED = """
import ctypes, uuid
cuda = ctypes.CDLL("libcuda.so.1")
count, device, number, name = ctypes.c_int(), ctypes.c_int(), (ctypes.c_ubyte * 16)(), ctypes.create_string_buffer(200)
assert cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
for index in range(count.value):
    assert cuda.cuDeviceGet(ctypes.byref(device), index) == 0 and cuda.cuDeviceGetUuid(number, device) == 0
    assert cuda.cuDeviceGetName(name, 200, device) == 0
    print(f"GPU {index}: {name.value.decode()} (UUID: GPU-{uuid.UUID(bytes=bytes(number))})")
"""
"""Asks the driver what nvidia-smi would say, where there is none. In a process of its own: the driver does not outlive a fork."""


@cache
def boards() -> tuple[Board, ...]:
    """The GPUs of this machine, or of this container."""
    env = {**{name: value for name, value in os.environ.items() if name != VISIBLE}, **ORDER}
    for command in (["nvidia-smi", "-L"], [sys.executable, "-S", "-c", ASKED]):
        with suppress(OSError, subprocess.SubprocessError):
            return parsed(subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True, env=env).stdout)
    return ()


def parsed(listed: str) -> tuple[Board, ...]:
    """What `nvidia-smi -L` says: a line for each GPU, each followed by those of its slices."""
    found: list[Board] = []
    for line in listed.splitlines():
        if board := BOARD.match(line):
            found.append(Board(int(board[1]), board[3], board[2]))
        elif (piece := SLICE.match(line)) and found:
            last = found.pop()
            found.append(replace(last, slices=(*last.slices, Gpu(piece[2], piece[2], f"{last.model} {piece[1]}"))))
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
    if name.startswith("MIG-") and not any(board.slices for board in found):
        return Gpu(name, name) if found else None  # not every nvidia-smi lists slices, but CUDA knows them
    every = [one for board in found for one in (Gpu(board.identity, name, board.model), *board.slices)]
    fitting = [replace(one, name=name) for one in every if one.identity.startswith(name)]
    return fitting[0] if len(fitting) == 1 else None


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
