"""machine.offload_optimizer: the optimizer's state in the memory of the CPU, stepped by torch there, with the same losses."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Store
from o1exp.train.launch import ON_CPU
from o1exp.train.logs import CURVE
from tests.train.parts import SMALL, a_spec
from tests.train.watched import on, watch


def test_deepspeed_is_told_where_and_takes_an_optimizer_that_nobody_has_to_compile() -> None:
    from o1exp.train.worker.strategy import zero_config

    config = zero_config(a_spec(accelerator="gpu", offload_optimizer=True, zero_stage=2))
    assert config["zero_optimization"]["offload_optimizer"] == {"device": "cpu", "pin_memory": True}
    assert config["zero_force_ds_cpu_optimizer"] is False
    assert "offload_optimizer" not in zero_config(a_spec(accelerator="gpu", zero_stage=2))["zero_optimization"]


@pytest.mark.slow
def test_it_learns_what_it_learns_without(trained: Store, tmp_path: Path) -> None:
    short = SMALL.replace(epochs=2)
    machines: list[dict[str, Any]] = [{"zero_stage": 1}, *({"zero_stage": stage, "offload_optimizer": True} for stage in (1, 2, 3))]
    seen = watch(trained, tmp_path, [on(short, **machine) for machine in machines])
    plain, *moved = ([(row.loss, row.grad_norm) for row in CURVE.read(Path(one["spec"].scratch))] for one in seen)
    assert len(plain) == 4
    assert plain[3][0] < plain[0][0] - 0.5
    for curve in moved:
        assert [part for row in curve for part in row] == pytest.approx([part for row in plain for part in row], rel=1e-5)


NORM = """
import torch
from o1exp.train.worker.accelerator import import_deepspeed
import_deepspeed()
from deepspeed.runtime import utils
groups = [torch.tensor(3.0), torch.tensor(float("nan"))]
for group in groups:
    utils.mask_nan_or_inf_with_val_inplace(group)
print(float(utils.combine_grad_norm_groups(groups)))
"""


@pytest.mark.slow
def test_one_group_without_number_makes_the_norm_infinite() -> None:
    """On a GPU nobody looks at the gradients themselves. DeepSpeed marks such a group by -1, which older releases took for a norm of 1."""
    said = subprocess.run([sys.executable, "-c", NORM], env=os.environ | ON_CPU, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert float(said.stdout.splitlines()[-1]) == math.inf
