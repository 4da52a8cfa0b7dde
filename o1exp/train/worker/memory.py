"""How much memory this rank takes, in MiB: of the GPU's tensors, or of the whole process on a CPU."""

import resource
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


def forget_peak(device: torch.device) -> None:
    """Let the peak start anew from what is held now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def held_mb(device: torch.device) -> int:
    """What is held now."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) // 2**20
    return _status("VmRSS") or peak_mb(device)


def peak_mb(device: torch.device) -> int:
    """The most that was held since the start, or since `forget_peak`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10


def _status(name: str) -> int:
    """A line of Linux's process status; 0 where there is none."""
    lines = _STATUS.read_text(encoding="utf-8").splitlines() if _STATUS.exists() else []
    return next((int(line.split()[1]) // 2**10 for line in lines if line.startswith(name)), 0)
