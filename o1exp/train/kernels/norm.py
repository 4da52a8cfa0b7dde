"""RMSNorm (Zhang and Sennrich 2019) on a GPU as one Triton kernel a pass, with the residual beside it."""

from functools import cache
from typing import Any

import torch

PROGRAMS = 8
"""Programs of the backward pass for each multiprocessor; each adds up the weight's gradient over its rows."""


class Norm(torch.autograd.Function):
    """(x, weight, epsilon) to x / rms(x) * weight; the mean of squares in fp32, the product in x's type, as Llama has it."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        rows = hidden.reshape(-1, hidden.shape[-1])
        rows = rows if rows.stride(-1) == 1 else rows.contiguous()
        out, scale = torch.empty_like(rows), torch.empty(len(rows), dtype=torch.float32, device=rows.device)
        block, warps = _shape(rows.shape[1])
        if len(rows):
            _kernels()[0][(len(rows),)](rows, rows.stride(0), weight, out, scale, rows.shape[1], epsilon, block, num_warps=warps)
        ctx.save_for_backward(rows, weight, scale)
        return out.view(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        rows, weight, scale = ctx.saved_tensors
        outside = outer[0].reshape(-1, rows.shape[1]).contiguous()
        back = torch.empty_like(outside)
        block, warps = _shape(rows.shape[1])
        programs = min(len(rows), PROGRAMS * _multiprocessors(rows.device))
        parts = torch.empty((programs, rows.shape[1]), dtype=torch.float32, device=rows.device)
        if programs:
            _kernels()[1][(programs,)](
                outside, rows, rows.stride(0), weight, scale, back, parts, len(rows), rows.shape[1], programs, ctx.needs_input_grad[1],
                block, num_warps=warps,
            )  # fmt: skip
        to_weight = parts.sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        return back.view(outer[0].shape), to_weight, None


def _shape(width: int) -> tuple[int, int]:
    block = max(16, 1 << (width - 1).bit_length())
    return block, min(16, max(1, block // 512))


@cache
def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


@cache
def _kernels() -> tuple[Any, Any]:
    import triton
    from triton import language as tl

    @triton.jit  # type: ignore[untyped-decorator]
    def forth(rows, stride, weight, out, scales, width: tl.constexpr, epsilon, block: tl.constexpr):  # type: ignore[no-untyped-def]
        row = tl.program_id(0).to(tl.int64)
        at = tl.arange(0, block)
        inside = at < width
        given = tl.load(rows + row * stride + at, mask=inside, other=0.0)
        wide = given.to(tl.float32)
        scale = 1.0 / tl.sqrt(tl.sum(wide * wide, 0) / width + epsilon)
        factor = tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
        tl.store(scales + row, scale)
        tl.store(out + row * width + at, (wide * scale).to(given.dtype).to(tl.float32) * factor, mask=inside)

    @triton.jit  # type: ignore[untyped-decorator]
    def back(  # type: ignore[no-untyped-def]
        outside, rows, stride, weight, scales, out, parts, count, width: tl.constexpr, programs, weighted: tl.constexpr,
        block: tl.constexpr,
    ):  # fmt: skip
        first = tl.program_id(0).to(tl.int64)
        at = tl.arange(0, block)
        inside = at < width
        factor = tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
        summed = tl.zeros((block,), dtype=tl.float32)
        row = first
        while row < count:
            given = tl.load(rows + row * stride + at, mask=inside, other=0.0)
            outer = tl.load(outside + row * width + at, mask=inside, other=0.0).to(tl.float32)
            scale = tl.load(scales + row)
            even = given.to(tl.float32) * scale
            inner = outer * factor
            mean = tl.sum(inner * even, 0) / width
            tl.store(out + row * width + at, (inner - even * mean) * scale, mask=inside)
            if weighted:
                summed += outer * even.to(given.dtype).to(tl.float32)
            row += programs
        if weighted:
            tl.store(parts + first * width + at, summed, mask=inside)

    return forth, back
