"""Whether a model can be decoded in pages, by what kernel, and how much fits on its device."""

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from o1exp.bench.engines.paged.attention import NAME, Attend, Look, NotPaged, Pool, Prompts, Steps, attend_pages
from o1exp.chat.local.window import regime, window

PAGE = 256
"""Tokens of one page."""
MOST_SLOTS = 256
"""More rows at a time are hardly faster, and each one waits longer."""
SPARE = 2**30
"""Memory for captured steps and the libraries' own buffers."""
LOOSE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""How far two ways to compute the same may lie apart, as a part of the size of the result."""


@dataclass(frozen=True)
class Paged:
    """A model that can be decoded in pages: key heads and width of each layer, and the kernel that reads pages."""

    layers: list[tuple[int, int]]
    attend: Attend
    kernel: str

    def bytes_per_token(self, model: Any) -> int:
        return sum(2 * heads * width for heads, width in self.layers) * int(model.dtype.itemsize)


def paged(model: Any, longest: int = 0) -> Paged:
    """Prepare a model; `longest`: tokens of the longest text to come.

    Errors: NotPaged where its attention is another one, or it lies on several devices, or long texts change the positions of others.
    """
    if longest > regime(model):
        raise NotPaged(f"texts of more than {regime(model):,} tokens change the rotary positions of those beside them")
    if len({weight.device for weight in model.parameters()}) > 1:
        raise NotPaged("the model lies on several devices")
    before, unfuse = model.config._attn_implementation, None
    try:
        with torch.inference_mode():
            plain = _logits(model)
            model.set_attn_implementation(NAME)
            layers = _layers(model)
            kernel, attend = _kernel(model, layers)
            if kernel == "triton":
                from o1exp.bench.engines.paged.fuse import fuse

                unfuse = fuse(model, layers[0], _compare)
            found = Paged(layers, attend, kernel)
            _compare("its logits", _paged_logits(model, found), plain)
    except torch.OutOfMemoryError:
        raise
    except (NotPaged, TypeError, AttributeError, RuntimeError) as wrong:
        model.set_attn_implementation(before)
        if unfuse is not None:
            unfuse()
        raise NotPaged(str(wrong)) from wrong
    return found


def _layers(model: Any) -> list[tuple[int, int]]:
    look = Look({})
    ids = _some_text(model, 3)
    model(ids, position_ids=_places(ids), use_cache=False, paged=look)
    count = model.config.get_text_config().num_hidden_layers
    if sorted(look.layers) != list(range(count)):
        raise NotPaged(f"{len(look.layers)} of its {count} layers have plain attention")
    return [look.layers[layer] for layer in range(count)]


def _kernel(model: Any, layers: list[tuple[int, int]]) -> tuple[str, Attend]:
    """The Triton kernel where it runs and agrees with the formula on this device; the formula elsewhere."""
    if model.device.type == "cpu":
        return "torch", attend_pages
    try:
        from o1exp.bench.engines.paged import kernel

        check_kernel(kernel.attend_pages, _heads(model), layers[0], torch.zeros(1, dtype=model.dtype, device=model.device))
    except Exception as wrong:  # a compiler may fail in any way, and slower attention is better than none
        print(f"the Triton kernel is not used: {wrong}", file=sys.stderr)
        return "torch", attend_pages
    return "triton", kernel.attend_pages


def _heads(model: Any) -> int:
    return int(model.config.get_text_config().num_attention_heads)


def check_kernel(kernel: Attend, heads: int, layer: tuple[int, int], like: Tensor) -> None:
    """Compare a kernel with the formula, on rows whose lengths lie about its borders. Errors: NotPaged where they differ."""
    luck = torch.Generator().manual_seed(0)
    key_heads, width = layer
    lengths = [1, 2, 63, 64, 65, PAGE, PAGE + 1, 3 * PAGE - 1]
    table = torch.stack([torch.randperm(8, generator=luck)[:3] for _ in lengths]).int().to(like.device)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=luck).to(like)

    query, keys, values = random(len(lengths), heads, width), random(8 * PAGE, key_heads, width), random(8 * PAGE, key_heads, width)
    for splits in (1, 4):
        call = (2 * width**-0.5, PAGE, splits)
        rest = table, torch.tensor(lengths, device=like.device), call
        for row, ours, formula in zip(lengths, kernel(query, keys, values, *rest), attend_pages(query, keys, values, *rest), strict=True):
            _compare(f"attention over {row} tokens in {splits} parts", ours, formula)


def _compare(what: str, ours: Tensor, other: Tensor) -> None:
    apart = float((ours.float() - other.float()).norm() / other.float().norm().clamp(min=1e-6))
    if not apart <= LOOSE.get(ours.dtype, 5e-2):
        raise NotPaged(f"{what} differ from those of the plain way by {apart:.2g} of their size")


def _some_text(model: Any, length: int) -> Tensor:
    size = model.config.get_text_config().vocab_size
    return torch.randint(size, (1, length), generator=torch.Generator().manual_seed(0)).to(model.device)


def _checked_text(model: Any) -> Tensor:
    return _some_text(model, min(PAGE + 1, window(model)))


def _places(ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1], device=ids.device)[None]


def _logits(model: Any) -> Tensor:
    """The model's own logits of the last two tokens of a text, where its window allows at the seam of two pages."""
    ids = _checked_text(model)
    found: Tensor = model(ids, position_ids=_places(ids), use_cache=False, logits_to_keep=2).logits[0]
    return found


def _paged_logits(model: Any, found: Paged) -> Tensor:
    """The same by reading all but the last token as a prompt, and that one as a step."""
    ids = _checked_text(model)
    places, read = _places(ids), ids.shape[1] - 1
    pool = Pool(found.layers, 3, PAGE, torch.zeros(1, dtype=model.dtype, device=model.device))
    table = torch.tensor([[2, 1]], dtype=torch.int32, device=ids.device)
    bounds = torch.tensor([0, read], dtype=torch.int32, device=ids.device)
    prompts = Prompts(pool, 2 * PAGE + places[0, :-1], [read], bounds)
    last = torch.tensor([read - 1], device=ids.device)
    first = model(ids[:, :-1], position_ids=places[:, :-1], use_cache=False, logits_to_keep=last, paged=prompts).logits[0]
    step = Steps.at(pool, table, places[0, -1:], (2, found.attend))
    second = model(ids[:, -1:], position_ids=places[:, -1:], use_cache=False, logits_to_keep=1, paged=step).logits[0]
    return torch.cat([first, second])


def room(model: Any, found: Paged, texts: int, longest: int, most_slots: int) -> tuple[int, int]:
    """Slots and pages for so many texts of at most so many tokens: what the device's free memory allows, and no more than they need.

    Errors: ValueError where not even one text fits.
    """
    slots = min(texts, most_slots)
    needed = slots * (-(-longest // PAGE) + 1) + 1
    if model.device.type == "cpu":
        return slots, needed
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(model.device)
    config = model.config.get_text_config()
    logits = slots * config.vocab_size * 4 * 8
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    reading = max(8192, longest) * (8 * config.hidden_size + 4 * inner) * model.dtype.itemsize
    cost = found.bytes_per_token(model)
    held = (free - logits - reading - SPARE - free // 20) // (cost * PAGE)
    if held < -(-longest // PAGE) + 2:
        needs, left = longest * cost / 2**30, max(0, held) * PAGE * cost / 2**30
        raise ValueError(
            f"a text of {longest:,} tokens needs {needs:.1f} GiB of keys and values, and {left:.1f} GiB are left on the GPU; "
            "set a smaller max_tokens, or take a GPU with more memory"
        )
    return slots, min(held, needed)
