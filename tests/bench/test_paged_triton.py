"""The kernels of decoding in pages compute their formulas: interpreted on a CPU where Triton is installed, as with GPU builds of torch."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_kernels_give_what_their_formulas_give() -> None:
    env = os.environ | {"TRITON_INTERPRET": "1"}
    said = subprocess.run([sys.executable, "-m", "tests.bench.interpreted"], env=env, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr[-3000:]
    assert said.stdout.split("\n")[:3] == [f"{name}ForCausalLM triton" for name in ("Qwen3", "GPTNeoX", "Phi")]
    for line in said.stderr.splitlines():
        assert "left as the model has it" not in line, line
