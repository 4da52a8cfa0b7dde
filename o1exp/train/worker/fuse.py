"""Norms, gated MLPs and rotary positions of a model, fused on a GPU where the fused ones compute the same."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import MethodType
from typing import Any

import torch

from o1exp.train.worker.lora import whole

Tensor = torch.Tensor
GATED = ("gate_proj", "up_proj", "down_proj", "act_fn")
ROTATE = "apply_rotary_pos_emb"
TOLERANCE = 0.02
"""Relative L2 distance that bf16 and another order of additions explain; another formula lies far above it."""


@dataclass(frozen=True)
class Fused:
    """norm(x, weight, epsilon), gated(gate, up), rotate(query, key, cos, sin), and mlp(x, weights of gate, up, down), each one kernel."""

    norms: tuple[Callable[[Tensor, Tensor, float], Tensor], ...]
    gated: Callable[[Tensor, Tensor], Tensor]
    rotate: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    mlp: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] | None = None


def chosen(wanted: str) -> list[Callable[[], Fused]]:
    """The kernels that machine.kernels names, to be tried one after the other; auto: ours, then Liger's, torch.compile where neither is."""
    if wanted != "auto":
        return {"triton": [_triton], "liger": [_liger], "compile": [_compiled], "none": []}[wanted]
    there = [made for package, made in (("triton", _triton), ("liger_kernel", _liger)) if find_spec(package) is not None]
    return there or [_compiled]


def fuse(model: Any, kernels: Fused, partitioned: bool) -> list[str]:
    """Swap what can be swapped and is not yet, and say what was; `partitioned` is for ZeRO-3.

    A module is known by its parts, not by its name, and swapped if the fused one gives the same values and gradients on a few tokens.
    """
    done: dict[str, None] = {}
    agreed: dict[Any, Callable[..., Tensor] | None] = {}
    for module in model.modules():
        for kind, forwards in _candidates(module, kernels, partitioned):
            like = (type(module), kind, *(getattr(p, "ds_shape", p.shape) for p in module.parameters()))
            if like not in agreed:
                with whole(list(module.parameters()), partitioned):
                    agreed[like] = next((forward for forward in forwards if _same(module, forward)), None)
            if (forward := agreed[like]) is not None:
                module.forward = MethodType(forward, module)
                done[kind] = None
    if _swap_rotation(model, kernels):
        done["rotary positions"] = None
    return list(done)


def _candidates(module: Any, kernels: Fused, partitioned: bool) -> Iterator[tuple[str, list[Callable[..., Tensor]]]]:
    if "forward" in vars(module):
        return
    own = dict(module.named_parameters(recurse=False))
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if list(own) == ["weight"] and not list(module.children()) and isinstance(epsilon, float):
        yield "norms", [_norm(norm, epsilon) for norm in kernels.norms]
    if [name for name, _ in module.named_children() if name in GATED] and all(getattr(module, name, None) is not None for name in GATED):
        matrices = [getattr(module, name) for name in GATED[:3]]
        plain = not partitioned and all(type(part) is torch.nn.Linear and part.bias is None for part in matrices)
        yield "gated MLPs", [*([_whole_mlp(kernels.mlp)] if kernels.mlp and plain else []), _mlp(kernels.gated)]


def _norm(norm: Callable[[Tensor, Tensor, float], Tensor], epsilon: float) -> Callable[..., Tensor]:
    return lambda self, hidden: norm(hidden, self.weight, epsilon)


def _mlp(gated: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def forward(self: Any, hidden: Tensor) -> Tensor:
        found = self.down_proj(gated(self.gate_proj(hidden), self.up_proj(hidden)))
        assert isinstance(found, torch.Tensor)
        return found

    return forward


def _whole_mlp(mlp: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda self, hidden: mlp(hidden, self.gate_proj.weight, self.up_proj.weight, self.down_proj.weight)


def _same(module: Any, forward: Callable[..., Tensor]) -> bool:
    """Do module and forward agree on values and all gradients of a few tokens?"""
    weight = next(module.parameters())
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    shape = (1, 7, weight.shape[-1])
    seen: list[list[Tensor]] = []
    for call in (module.forward, MethodType(forward, module)):
        generator = torch.Generator("cpu").manual_seed(0)
        hidden, outer = (_drawn(shape, generator).to(weight.device, weight.dtype) for _ in range(2))
        hidden.requires_grad_()
        try:
            out = call(hidden)
            seen.append([out.detach().clone(), *torch.autograd.grad(out, [hidden, *learned], outer)])
        except Exception:  # whatever a kernel that is not made for this says
            return False
    return all(_close(ours, plain) for ours, plain in zip(*reversed(seen), strict=True))


def _drawn(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device="cpu", dtype=torch.float32)


def _close(ours: Tensor, plain: Tensor) -> bool:
    return bool((ours.float() - plain.float()).norm() <= TOLERANCE * plain.float().norm())


def _swap_rotation(model: Any, kernels: Fused) -> bool:
    """The rotation is a function of the model's source file, which its attention layers call by name."""
    files = {sys.modules[type(module).__module__] for module in model.modules() if type(module).__module__ in sys.modules}
    found = [file for file in files if file.__name__.startswith("transformers.models.") and ROTATE in vars(file)]
    if len(found) != 1:
        return False
    plain = vars(found[0])[ROTATE]
    if plain.__module__ == __name__:
        return False

    def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1, **other: Any) -> tuple[Tensor, Tensor]:
        if unsqueeze_dim != 1 or other or q.dim() != 4 or len(q) != 1 or len(cos) != 1 or cos.shape[-1] != q.shape[-1]:
            rotated: tuple[Tensor, Tensor] = plain(q, k, cos, sin, unsqueeze_dim=unsqueeze_dim, **other)
            return rotated
        return kernels.rotate(q, k, cos, sin)

    if not _same_rotation(rotate, plain, model):
        return False
    vars(found[0])[ROTATE] = rotate
    return True


def _same_rotation(rotate: Callable[..., Any], plain: Callable[..., Any], model: Any) -> bool:
    config = model.config.get_text_config()
    count = getattr(config, "num_attention_heads", None)
    if not isinstance(count, int):
        return False
    width = getattr(config, "head_dim", None) or config.hidden_size // count
    seen: list[list[Tensor]] = []
    for call in (plain, rotate):
        generator = torch.Generator("cpu").manual_seed(0)
        heads = [count, getattr(config, "num_key_value_heads", None) or count]
        states = [_drawn((1, 7, count, width), generator).to(model.device, model.dtype).requires_grad_() for count in heads]
        angles = _drawn((1, 7, width // 2), generator).repeat(1, 1, 2)
        cos, sin = (part.to(model.device, model.dtype) for part in (angles.cos(), angles.sin()))
        try:
            # Fused kernels turn in place, as they may do with what a matrix product just gave.
            turned = call(*((state * 1.0).transpose(1, 2) for state in states), cos, sin)
            gradients = torch.autograd.grad(sum((part.float() ** 3).sum() for part in turned), states)
        except Exception:
            return False
        seen.append([*(part.detach() for part in turned), *gradients])
    return all(_close(ours, other) for ours, other in zip(seen[1], seen[0], strict=True))


def _triton() -> Fused:
    from o1exp.train.kernels.gated import Gated, Product
    from o1exp.train.kernels.norm import Norm
    from o1exp.train.kernels.rotary import Rotation

    def shifted(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        return norm(hidden, weight.float() + 1, epsilon)  # in bf16 the sum would lose what a small weight has learned

    def norm(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        found: Tensor = Norm.apply(hidden, weight, epsilon)  # type: ignore[no-untyped-call]
        return found

    return Fused((norm, shifted), Product.apply, Rotation.apply, Gated.apply)


def _liger() -> Fused:
    from liger_kernel.ops import LigerRMSNormFunction, LigerRopeFunction, LigerSiLUMulFunction

    def norm(casting: str, offset: float) -> Callable[[Tensor, Tensor, float], Tensor]:
        # Not in place: the gradient that comes in may also be that of a residual beside the norm.
        return lambda hidden, weight, epsilon: LigerRMSNormFunction.apply(hidden, weight, epsilon, offset, casting, False)

    return Fused(
        norms=(norm("llama", 0.0), norm("gemma", 1.0)),
        gated=lambda gate, up: LigerSiLUMulFunction.apply(gate, up),
        rotate=lambda query, key, cos, sin: LigerRopeFunction.apply(query, key, cos, sin),
    )


def _compiled() -> Fused:
    def norm(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        wide = hidden.float()
        return weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)).to(hidden.dtype)

    def gated(gate: Tensor, up: Tensor) -> Tensor:
        return torch.nn.functional.silu(gate) * up

    def turned(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        left, right = states.chunk(2, -1)
        return states * cos.unsqueeze(1) + torch.cat([-right, left], -1) * sin.unsqueeze(1)

    def rotate(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        return turned(query, cos, sin), turned(key, cos, sin)

    return Fused((torch.compile(norm, dynamic=True),), torch.compile(gated, dynamic=True), torch.compile(rotate, dynamic=True))
