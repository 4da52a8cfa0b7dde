"""Which kernel attends on a GPU: the first that gives what SDPA gives, for every kind of call that the model makes."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from o1exp.train.data.batch import Group, bounds_of
from o1exp.train.data.encode import CannotTrain
from o1exp.train.kernels import cudnn_attention
from o1exp.train.spec import TrainSpec
from o1exp.train.worker import attention, flash
from o1exp.train.worker.libraries import faster_flash

LENGTHS = (40, 24)
"""Tokens of the documents that kernels are tried on."""


def attention_that_runs(spec: TrainSpec, model: Any, longest: int, kernels: Iterable[flash.Kernel]) -> str:
    """Choose the first of the kernels that agrees with SDPA on two documents of the shapes in `attention.seen`; the implementation's name,
    SDPA's if none does. `longest`: tokens of the longest document, beyond which a window says nothing.

    Errors: CannotTrain where machine.attention asks for a kernel by name.
    """
    calls = [call._replace(window=_shrunk(call.window, longest)) for call in attention.seen]
    refused = []
    for kernel in kernels:
        flash.use(kernel)
        if not (why := next((why for call in calls if (why := _too_far(kernel, call, spec) or _disagrees(kernel, call, model))), "")):
            print(f"attention: {kernel.name}", flush=True)
            return attention.VARLEN
        refused.append(f"{kernel.name} does not run here: {why}")
    if spec.attention != "auto":
        raise CannotTrain(f"machine.attention={spec.attention}: {'; '.join(refused)}; set machine.attention=auto")
    print(f"attention: SDPA, one document after the other ({'; '.join(refused)})", flush=True)
    return attention.NAME


def _shrunk(window: int | None, longest: int) -> int | None:
    """The window that documents as short as those of the trial would feel; None where the data's feel none."""
    return None if window is None or window >= longest else min(window, LENGTHS[0] // 2)


def kernels_for(spec: TrainSpec) -> Iterator[flash.Kernel]:
    """cuDNN's is faster on the GPUs it is for; in equal bytes FlashAttention is the one that was seen."""
    if spec.attention == "cudnn" or (spec.attention == "auto" and not spec.deterministic and cudnn_attention.usable()):
        yield flash.Kernel("cuDNN", cudnn_attention.forward, cudnn_attention.backward, reach=cudnn_attention.REACH)
    if spec.attention != "cudnn":
        name = faster_flash() or flash.FLASH.name
        yield flash.FLASH._replace(name=name)


def _too_far(kernel: flash.Kernel, call: attention.Call, spec: TrainSpec) -> str:
    """Why the kernel does not reach the end of the longest row; "" where it does. The trial below is too short to show it."""
    numbers = spec.packs_per_micro_batch * spec.pack_length * call.heads * call.width
    if kernel.reach is None or numbers <= kernel.reach:
        return ""
    return f"a row of {numbers:,} numbers is longer than it can count; set a smaller machine.micro_batch_tokens or pack_length"


def _disagrees(kernel: flash.Kernel, call: attention.Call, model: Any) -> str:
    """Why the kernel in use cannot be used; "" where its values and gradients are those of SDPA."""
    if call.more:
        return "it has no soft cap and no sinks"
    if call.window is not None and not kernel.windows:
        return "it has no sliding window"
    groups = [Group(1, length) for length in LENGTHS]
    widths = ((call.heads, call.width), (call.shared, call.width), (call.shared, call.value))
    given: dict[str, Any] = {
        "groups": groups, "bounds": bounds_of(groups).to(model.device), "longest": max(LENGTHS), "attention_mask": None,
        "sliding_window": call.window,
    }  # fmt: skip
    ways: list[Any] = [attention.by_document, attention.by_document_varlen]
    seen = []
    try:
        for way in ways:
            states = [_drawn((1, count, sum(LENGTHS), width), model).requires_grad_() for count, width in widths]
            with torch.enable_grad():
                out, _ = way(model, *states, **given)
                seen.append([out.detach(), *torch.autograd.grad(out, states, _drawn(tuple(out.shape), model))])
    except Exception as problem:  # libraries differ in what they raise for a GPU or a shape that they do not know
        return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    worst = max(float((a.float() - b.float()).norm() / a.float().norm()) for a, b in zip(*seen, strict=True))
    return f"it differs from SDPA by {worst:.3f}" if not worst <= 0.02 else ""


def _drawn(shape: tuple[int, ...], model: Any) -> torch.Tensor:
    """The same numbers at each call."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(0), device="cpu").to(model.device, model.dtype)
