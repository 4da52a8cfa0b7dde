"""The GPU parts: each a program that prints a JSON line for every case, run on a GPU that nothing else of ours has meanwhile.

python -m tests.speed.gpu_training 3600 [CASE ...] and python -m tests.speed.gpu_sampling [CASE ...]. A row names its case (`part` or
`run`); keys that end in tok_s or tflops are rates, those that end in gib, gb or mb are memory, `failed` says why there are none.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from o1exp.flow.gpus import here
from o1exp.flow.lease import GpuQueue

PARTS = {"gpu-training": ("tests.speed.gpu_training", "3600"), "gpu-sampling": ("tests.speed.gpu_sampling",)}
"""The program of each part, and its first words."""


def there(part: str) -> bool:
    """Is the part written, and is there a GPU?"""
    return find_spec(PARTS[part][0]) is not None and bool(here())


def rows(part: str, cases: list[str]) -> Iterator[dict[str, Any]]:
    """What the part says of these cases (none: of all), one by one; a last row with `failed` where the program itself fails."""
    with GpuQueue(here()).lease(1, f"measures {part}", lambda whom: None) as lease:
        command = [sys.executable, "-m", *PARTS[part], *cases]
        program = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, **lease.environment}, pass_fds=lease.files
        )
        assert program.stdout is not None
        with program.stdout:
            for line in program.stdout:
                yield from parsed(line)
        if code := program.wait():
            yield {"part": "whole", "failed": f"{' '.join(command)} ended with code {code}"}


def parsed(line: str) -> Iterator[dict[str, Any]]:
    """The row of a line; what libraries print is none."""
    with suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict) and ("part" in row or "run" in row):
            yield row


def device() -> dict[str, str]:
    """Name, driver and memory of the first GPU that this process may use; nothing without one."""
    if not here():
        return {}
    asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader", "-i", here()[0].identity]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {"device": "GPU"}
    name, driver, memory = (word.strip() for word in said.splitlines()[0].split(","))
    return {"device": name, "driver": driver, "memory": memory}
