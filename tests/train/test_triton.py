"""Our Triton kernels compute what torch does: interpreted on a CPU, where Triton is installed (GPU builds of torch bring it)."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

BOUNDS = {"torch.float32": 1e-5, "torch.bfloat16": 0.02}


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_kernels_give_the_values_and_gradients_of_their_formulas() -> None:
    env = os.environ | {"TRITON_INTERPRET": "1"}
    said = subprocess.run([sys.executable, "-m", "tests.train.interpreted"], env=env, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr[-3000:]
    rows = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    assert len(rows) == 2
    for row in rows:
        bound = BOUNDS[row.pop("dtype")]
        assert all(distance < bound for distance in row.values()), row
