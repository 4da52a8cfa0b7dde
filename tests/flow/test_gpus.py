"""Which GPUs a process may use: what nvidia-smi lists, and what CUDA_VISIBLE_DEVICES leaves of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from o1exp.flow.gpus import Board, Gpu, boards, here, parsed, seen, too_few

TWO = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1a2b0000-aaaa)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-1a2c0000-bbbb)
"""
CUT = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736)
  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-77777777)
"""


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program nvidia-smi that lists what is written into the file."""
    program, listed = tmp_path / "bin" / "nvidia-smi", tmp_path / "listed"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntest "$1" = -L && cat {listed}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    boards.cache_clear()
    return listed


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    yield
    boards.cache_clear()


def test_gpus_and_their_slices_are_read() -> None:
    h100, a100 = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB"
    assert parsed(TWO) == (Board(0, "GPU-1a2b0000-aaaa", h100), Board(1, "GPU-1a2c0000-bbbb", h100))
    slices = tuple(Gpu(one, one, f"{a100} MIG 3g.20gb") for one in ("MIG-c7384736", "MIG-a28ad590"))
    assert parsed(CUT) == (Board(0, "GPU-5d5ba0d6", a100, slices), Board(1, "GPU-77777777", a100))
    assert parsed("No devices were found\n") == ()


@pytest.mark.parametrize(
    ("listed", "visible", "names"),
    [
        (TWO, None, "0 1"),
        (TWO, "1", "1"),
        (TWO, "1, 0", "1 0"),
        (TWO, "GPU-1a2c,0", "GPU-1a2c 0"),
        (TWO, "GPU-1a2", ""),  # of two
        (TWO, "", ""),
        (TWO, "-1", ""),
        (TWO, "NoDevFiles", ""),
        (TWO, "0,7,1", "0"),
        (TWO, "0,0", ""),
        (TWO, "1,GPU-1a2c0000-bbbb", ""),
        (CUT, None, "MIG-c7384736 MIG-a28ad590 1"),
        (CUT, "MIG-a28ad590", "MIG-a28ad590"),
        (CUT, "0", "MIG-c7384736"),
    ],
)  # fmt: skip
def test_what_cuda_visible_devices_leaves(listed: str, visible: str | None, names: str) -> None:
    assert [gpu.name for gpu in seen(parsed(listed), visible)] == names.split()


def test_another_name_is_the_same_gpu() -> None:
    (by_index,), (by_name,) = seen(parsed(TWO), "1"), seen(parsed(TWO), "GPU-1a2c")
    assert by_index.identity == by_name.identity


def test_slices_that_nobody_lists_are_believed() -> None:
    assert [gpu.identity for gpu in seen(parsed(TWO), "MIG-a28ad590,1")] == ["MIG-a28ad590", "GPU-1a2c0000-bbbb"]
    assert seen((), "MIG-a28ad590") == ()


DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strcpy(name, "NVIDIA H200"); return 0; }
int cuDeviceGetUuid(unsigned char *number, int device) { for (int i = 0; i < 16; i++) number[i] = 16 * device + i; return 0; }
"""


def test_without_nvidia_smi_the_driver_is_asked(lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program fails here: there is no list. A stand-in for the driver with its published signatures."""
    (tmp_path / "driver.c").write_text(DRIVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libcuda.so.1", tmp_path / "driver.c"], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert boards() == (
        Board(0, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", "NVIDIA H200"),
        Board(1, "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", "NVIDIA H200"),
    )  # fmt: skip
    assert here() == (Gpu("GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", "1", "NVIDIA H200"),)


def test_too_few_is_said_with_what_would_do(lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists.write_text(TWO)
    assert too_few(2, here()) == ""
    assert too_few(4, here()) == "it takes 4 GPUs, but this machine has 2 GPUs; set machine.devices=2"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert too_few(1, here()) == ""
    said = "it takes 2 GPUs, but this machine has 2 GPUs, of which CUDA_VISIBLE_DEVICES=1 leaves 1; set machine.devices=1"
    assert too_few(2, here()) == said


def test_a_machine_without_gpus(lists: Path) -> None:
    lists.write_text("")
    assert too_few(1, here()) == "it takes 1 GPU, but this machine has no GPU; set machine=cpu, or run where there is one"
