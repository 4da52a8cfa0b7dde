"""How much memory this rank takes, in MiB: of the GPU's tensors, or of the whole process on a CPU."""

import os
import resource
from pathlib import Path

import torch

_STATUS, _MACHINE = Path("/proc/self/status"), Path("/proc/meminfo")


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


def free_bytes(device: torch.device) -> float:
    """What this rank may still take: on a CPU its share, among the ranks here, of what the machine says is available."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + unused)
    found = _line(_MACHINE, "MemAvailable")
    return found * 2**20 / int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if found else float("inf")


def _status(name: str) -> int:
    """A line of Linux's process status; 0 where there is none."""
    return _line(_STATUS, name)


def _line(file: Path, name: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((int(line.split()[1]) // 2**10 for line in lines if line.startswith(name)), 0)
