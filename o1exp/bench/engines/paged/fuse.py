"""Norms and rotary positions in one kernel each instead of eight and ten: in a step of few tokens every kernel costs its start.

Whatever is replaced was first compared with the model's own on random numbers, so no list of architectures is kept.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor, nn


def _norm(states, weight, out, eps, WIDTH: tl.constexpr, WIDE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Program (row): root mean square norm. states: [rows, WIDTH]."""
    row, wide = tl.program_id(0).to(tl.int64), tl.arange(0, WIDE)
    held = wide < WIDTH
    given = tl.load(states + row * WIDTH + wide, mask=held, other=0.0)
    full = given.to(tl.float32)
    level = full * tl.rsqrt(tl.sum(full * full, 0) / WIDTH + eps)
    scaled = tl.load(weight + wide, mask=held, other=0.0) * level.to(given.dtype)
    tl.store(out + row * WIDTH + wide, scaled, mask=held)


def _rotate(states, cos, sin, out, row_stride, head_stride, HEADS: tl.constexpr, HALF: tl.constexpr, WIDE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Program (token, head): states' first half of the width turns with the second. cos, sin: [tokens, 2 HALF]."""
    token, head, wide = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.arange(0, WIDE)
    held = wide < HALF
    here = states + token * row_stride + head * head_stride + wide
    first, second = tl.load(here, mask=held).to(tl.float32), tl.load(here + HALF, mask=held).to(tl.float32)
    angle = token * 2 * HALF + wide
    c1, c2 = tl.load(cos + angle, mask=held).to(tl.float32), tl.load(cos + angle + HALF, mask=held).to(tl.float32)
    s1, s2 = tl.load(sin + angle, mask=held).to(tl.float32), tl.load(sin + angle + HALF, mask=held).to(tl.float32)
    there = out + (token * HEADS + head) * 2 * HALF + wide
    tl.store(there, first * c1 - second * s1, mask=held)
    tl.store(there + HALF, second * c2 + first * s2, mask=held)


ROTATE = "apply_rotary_pos_emb"
"""What the modules of transformers' models call theirs."""

norm_kernel = triton.jit(_norm)
rotate_kernel = triton.jit(_rotate)


def norm(states: Tensor, weight: Tensor, eps: float) -> Tensor:
    """states: [..., width]."""
    states = states.contiguous()
    out, width = torch.empty_like(states), states.shape[-1]
    wide = triton.next_power_of_2(width)
    norm_kernel[(states.numel() // width,)](states, weight, out, eps, WIDTH=width, WIDE=wide, num_warps=min(16, max(1, wide // 256)))
    return out


def rotate(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """query, key: [batch, heads, tokens, width], in memory token by token; cos, sin: [batch, tokens, width]."""
    return _rotated(query, cos, sin), _rotated(key, cos, sin)


def _rotated(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    batch, heads, tokens, width = states.shape
    flat = states.transpose(1, 2).reshape(batch * tokens, heads, width)
    out = torch.empty(batch, tokens, heads, width, dtype=states.dtype, device=states.device)
    cos, sin = (angles.expand(batch, tokens, width).reshape(batch * tokens, width) for angles in (cos, sin))
    rotate_kernel[(batch * tokens, heads)](
        flat, cos, sin, out, flat.stride(0), flat.stride(1), HEADS=heads, HALF=width // 2, WIDE=triton.next_power_of_2(width // 2),
        num_warps=1,
    )  # fmt: skip
    return out.transpose(1, 2)


def fuse(model: nn.Module, head: tuple[int, int], agree: Callable[[str, Tensor, Tensor], None]) -> Callable[[], None]:
    """Replace what can be; `head`: key heads and width; `agree` raises where two results differ. Gives what undoes it."""
    undo: list[Callable[[], None]] = []
    for kind in {type(module) for module in model.modules() if type(module).__name__.endswith("RMSNorm")}:
        alike = [module for module in model.modules() if type(module) is kind]
        if _tried(f"{kind.__name__} is", lambda alike=alike: _check_norm(alike[0], agree)):  # type: ignore[misc]
            for module in alike:
                module.forward = _normed(module)
                undo.append(lambda module=module: delattr(module, "forward"))  # type: ignore[misc]
    for place in {
        sys.modules[type(module).__module__] for module in model.modules() if isinstance(getattr(module, "layer_idx", None), int)
    }:
        own = getattr(place, ROTATE, None)
        if own is not None and _tried("rotary positions are", lambda own=own: _check_rotate(own, head, model, agree)):  # type: ignore[misc]
            setattr(place, ROTATE, _turning(own))
            undo.append(lambda place=place, own=own: setattr(place, ROTATE, own))  # type: ignore[misc]

    def back() -> None:
        for step in undo:
            step()

    return back


def _tried(what: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception as wrong:  # a compiler may fail in any way, and slower kernels are better than none
        print(f"{what} left as the model has it: {wrong}", file=sys.stderr)
        return False
    return True


def _turning(own: Any) -> Callable[..., tuple[Tensor, Tensor]]:
    """`rotate`, called by transformers; the model's own where only a part of a head turns (GPT-NeoX)."""

    def turning(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, *more: Any, **named: Any) -> tuple[Tensor, Tensor]:
        plain = not more and named in ({}, {"unsqueeze_dim": 1}) and query.shape[-1] == key.shape[-1] == cos.shape[-1]
        found: tuple[Tensor, Tensor] = rotate(query, key, cos, sin) if plain else own(query, key, cos, sin, *more, **named)
        return found

    return turning


def _normed(module: nn.Module) -> Callable[[Tensor], Tensor]:
    weight, eps = module.weight, _eps(module)
    assert isinstance(weight, Tensor)
    return lambda states: norm(states, weight, eps)


def _eps(module: nn.Module) -> float:
    return float(next(value for name, value in vars(module).items() if name in ("variance_epsilon", "eps")))


def _check_norm(module: nn.Module, agree: Callable[[str, Tensor, Tensor], None]) -> None:
    weight = module.weight
    assert isinstance(weight, Tensor)
    states = torch.randn(3, 5, len(weight), generator=torch.Generator().manual_seed(0)).to(weight) * 3
    agree("a norm", _normed(module)(states), module(states))


def _check_rotate(own: Any, head: tuple[int, int], model: nn.Module, agree: Callable[[str, Tensor, Tensor], None]) -> None:
    heads, width = head
    luck, like = torch.Generator().manual_seed(0), next(model.parameters())
    for batch, tokens in ((1, 7), (5, 1)):
        query, key = (torch.randn(batch, tokens, many, width, generator=luck).to(like).transpose(1, 2) for many in (2 * heads, heads))
        cos, sin = (torch.randn(batch, tokens, width, generator=luck).to(like) for _ in range(2))
        for ours, theirs in zip(rotate(query, key, cos, sin), own(query, key, cos, sin), strict=True):
            agree("rotary positions", ours, theirs)
