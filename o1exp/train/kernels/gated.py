"""A gated MLP (SwiGLU) on a GPU as one function: it keeps gate and up only, and computes their product again where it is needed."""

from functools import cache
from typing import Any

import torch

BLOCK = 1024


class Gated(torch.autograd.Function):
    """x [rows, width] to (silu(x G) * x U) D, for weights as torch's linear layers hold them, without biases.

    The backward pass writes the product and both gradients where their inputs were, and adds both ways to x in the matrix product.
    """

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, gate: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
        rows = hidden.reshape(-1, hidden.shape[-1])
        gates, ups = rows @ gate.t(), rows @ up.t()
        ctx.save_for_backward(rows, gates, ups, gate, up, down)
        return (product(gates, ups) @ down.t()).view(*hidden.shape[:-1], len(down))

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        rows, gates, ups, gate, up, down = ctx.saved_tensors
        outside = outer[0].reshape(-1, outer[0].shape[-1])
        inner = outside @ down
        turn_back(inner, gates, ups)
        to_hidden, to_gate, to_up, to_down = ctx.needs_input_grad
        back = (gates @ gate).addmm_(ups, up).view(*outer[0].shape[:-1], rows.shape[1]) if to_hidden else None
        return (
            back, gates.t() @ rows if to_gate else None, ups.t() @ rows if to_up else None, outside.t() @ inner if to_down else None
        )  # fmt: skip


class Product(torch.autograd.Function):
    """silu(gate) * up alone, for matrices that are more than matrices: LoRA's, or ZeRO-3's."""

    @staticmethod
    def forward(ctx: Any, gates: torch.Tensor, ups: torch.Tensor) -> torch.Tensor:
        gates, ups = gates.contiguous(), ups.contiguous()
        ctx.save_for_backward(gates, ups)
        return product(gates, ups)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        gates, ups = ctx.saved_tensors
        turn_back(outer[0].contiguous(), gates, ups, again=False)
        return gates, ups


def product(gates: torch.Tensor, ups: torch.Tensor) -> torch.Tensor:
    """silu(gates) * ups, each rounded as torch rounds them."""
    made = torch.empty_like(gates)
    if gates.numel():  # a micro-batch may have no place that is asked for
        _kernels()[0][(-(-gates.numel() // BLOCK),)](gates, ups, made, gates.numel(), BLOCK)
    return made


def turn_back(inner: torch.Tensor, gates: torch.Tensor, ups: torch.Tensor, again: bool = True) -> None:
    """Where gates and ups were, put their gradients; where the product's gradient was, put the product `again`."""
    assert inner.is_contiguous()
    if gates.numel():
        _kernels()[1][(-(-gates.numel() // BLOCK),)](inner, gates, ups, gates.numel(), again, BLOCK)


@cache
def _kernels() -> tuple[Any, Any]:
    import triton
    from triton import language as tl

    @triton.jit  # type: ignore[untyped-decorator]
    def forth(gates, ups, made, count, block: tl.constexpr):  # type: ignore[no-untyped-def]
        at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
        inside = at < count
        gate = tl.load(gates + at, mask=inside, other=0.0).to(tl.float32)
        up = tl.load(ups + at, mask=inside, other=0.0)
        turned = (gate * tl.sigmoid(gate)).to(up.dtype).to(tl.float32)
        tl.store(made + at, turned * up.to(tl.float32), mask=inside)

    @triton.jit  # type: ignore[untyped-decorator]
    def back(inner, gates, ups, count, again: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
        at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
        inside = at < count
        outer = tl.load(inner + at, mask=inside, other=0.0).to(tl.float32)
        gate = tl.load(gates + at, mask=inside, other=0.0).to(tl.float32)
        up = tl.load(ups + at, mask=inside, other=0.0)
        share = tl.sigmoid(gate)
        turned = (gate * share).to(up.dtype).to(tl.float32)
        if again:
            tl.store(inner + at, turned * up.to(tl.float32), mask=inside)
        tl.store(gates + at, outer * up.to(tl.float32) * (share * (1.0 + gate * (1.0 - share))), mask=inside)
        tl.store(ups + at, outer * turned, mask=inside)

    return forth, back
