"""What a GPU computes by fused kernels is what the model computes: a kernel that gives something else is not taken."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from o1exp.train.launch import ON_CPU
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _rotation() -> Iterator[None]:
    """The rotation is swapped in transformers' source file: put the plain one back."""
    import transformers.models.qwen2.modeling_qwen2 as file

    plain = file.apply_rotary_pos_emb
    yield
    file.apply_rotary_pos_emb = plain


def model(**changes: Any) -> Any:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        initializer_range=0.3, **changes,
    )  # fmt: skip
    return Qwen2ForCausalLM(config)


def formulas(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kernels that torch.compile would fuse, as they are written."""
    import torch

    from o1exp.train.worker.fuse import chosen

    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)
    (made,) = chosen("compile")
    return made()


def gradient(ours: Any) -> Any:
    import torch

    ours.zero_grad()
    ours(torch.arange(12)[None]).logits.pow(2).sum().backward()
    return torch.cat([p.grad.flatten() for p in ours.parameters() if p.grad is not None])


def test_norms_mlps_and_rotation_are_swapped_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from o1exp.train.worker.fuse import fuse

    ours = model()
    plain = gradient(ours)
    assert fuse(ours, formulas(monkeypatch), partitioned=False) == ["gated MLPs", "norms", "rotary positions"]
    swapped = [name for name, module in ours.named_modules() if "forward" in vars(module)]
    assert len(swapped) == 2 + 5
    torch.testing.assert_close(gradient(ours), plain)


def test_another_formula_is_not_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from o1exp.train.worker.fuse import fuse

    kernels = formulas(monkeypatch)
    turned = replace(kernels, rotate=lambda query, key, cos, sin: kernels.rotate(query, key, cos, -sin))
    assert fuse(model(), turned, partitioned=False) == ["gated MLPs", "norms"]
    assert fuse(model(hidden_act="gelu"), kernels, partitioned=False) == ["norms", "rotary positions"]

    def broken(*given: Any) -> Any:
        raise RuntimeError("no kernel image is available")

    with_gradient = replace(kernels, norms=(broken, lambda hidden, weight, epsilon: kernels.norms[0](hidden, weight, epsilon).detach()))
    ours = model()
    plain = gradient(ours)
    assert fuse(ours, with_gradient, partitioned=False) == ["gated MLPs"]  # the rotation is swapped by now
    torch.testing.assert_close(gradient(ours), plain)


def test_the_first_norm_that_agrees_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from o1exp.train.worker.fuse import fuse

    kernels = formulas(monkeypatch)
    shifted = replace(kernels, norms=(lambda hidden, weight, epsilon: kernels.norms[0](hidden, weight + 1, epsilon), kernels.norms[0]))
    assert "norms" in fuse(model(), shifted, partitioned=False)


@pytest.mark.parametrize("bias", [False, True])
def test_an_adapter_in_place_is_the_adapter(bias: bool) -> None:
    import torch

    from o1exp.train.worker.lora import add_lora, lean
    from tests.train.parts import a_spec

    ours = model()
    add_lora(ours, a_spec(tuning="lora"), partitioned=False)
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            if "lora_B" in name or (bias and name.endswith("bias")):
                parameter.normal_(0, 0.1)
    plain = gradient(ours)
    assert lean(ours) == 2 * 7
    found = gradient(ours)
    assert float((found - plain).norm() / plain.norm()) < 1e-5


def test_adapters_with_dropout_stay_as_they_are() -> None:
    from o1exp.train.worker.lora import add_lora, lean
    from tests.train.parts import a_spec

    ours = model()
    add_lora(ours, a_spec(tuning="lora", lora_dropout=0.1), partitioned=False)
    assert lean(ours) == 0


@pytest.mark.slow
def test_kernels_are_checked_on_whole_weights_and_true_types_under_zero_3() -> None:
    """While a model is loaded there, DeepSpeed makes every new tensor one of the model's type: kernels would write beyond its end."""
    env = os.environ | ON_CPU | {"LOCAL_RANK": "0"}
    done = subprocess.run([sys.executable, "-m", "tests.train.partitioned"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["turned"], seen["kept"], seen["again"]) == ("torch.bfloat16", "torch.float32", "torch.bfloat16")
    assert seen["swapped"] == ["gated MLPs", "norms", "rotary positions"]
    assert seen["split"]


@pytest.mark.parametrize("name", ["gated", "product", "norm", "rotation", "adapted", "softmax"])
def test_nothing_in_gives_nothing_out(name: str) -> None:
    """A micro-batch may have no place with a label, and then no kernel is started."""
    import torch

    from o1exp.train.kernels import gated, norm, rotary, softmax
    from o1exp.train.worker import lora

    def drawn(*shape: int) -> Any:
        return torch.randn(shape, requires_grad=True)

    functions: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "gated": (gated.Gated, (drawn(1, 0, 8), drawn(20, 8), drawn(20, 8), drawn(8, 20))),
        "product": (gated.Product, (drawn(1, 0, 20), drawn(1, 0, 20))),
        "norm": (norm.Norm, (drawn(1, 0, 8), drawn(8), 1e-6)),
        "rotation": (rotary.Rotation, (drawn(1, 2, 0, 8), drawn(1, 1, 0, 8), torch.ones(1, 0, 8), torch.ones(1, 0, 8))),
        "adapted": (lora._Adapted, (drawn(1, 0, 8), torch.ones(20, 8), None, drawn(4, 8), drawn(20, 4), 2.0)),
    }
    if name == "softmax":
        found, _ = softmax.to_gradient(torch.empty(0, 30), torch.empty(0, dtype=torch.int64), wanted=True)
        assert found.numel() == 0
        return
    function, given = functions[name]
    out = function.apply(*given)
    found = out[0] if isinstance(out, tuple) else out
    assert found.numel() == 0
    found.sum().backward()
