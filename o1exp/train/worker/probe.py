"""What a model computes, asked by forward passes of the whole model, as a training makes them: ranks may share its weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from o1exp.train.worker.loss import splits
from o1exp.train.worker.way import Shape, body_of, without_cache

Tensor = torch.Tensor


def logits(model: Any, ids: Tensor) -> Tensor:
    """Of one document alone by the model's own forward pass: [tokens, vocabulary]."""
    found: Tensor = model(input_ids=ids[None], **without_cache(model)).logits[0]
    return found


def hidden(model: Any, ids: Tensor) -> Tensor:
    """The last hidden states of one document alone: [tokens, width]."""
    body = body_of(model)
    found: Tensor = body(input_ids=ids[None], **without_cache(body))[0][0]
    return found


@contextmanager
def rotary(model: Any) -> Iterator[list[Tensor]]:
    """What rotary embeddings give within it, [..., tokens, width], in the order of their calls."""
    seen: list[Tensor] = []

    def note(module: Any, given: Any, out: Any) -> None:
        seen.extend(part for part in (out if isinstance(out, tuple) else [out]) if isinstance(part, Tensor) and part.dim() > 1)

    kinds = [module for module in model.modules() if any(name.endswith("inv_freq") for name in module._buffers)]
    handles = [module.register_forward_hook(note) for module in kinds]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def distance(ours: Tensor, theirs: Tensor, typical: bool = False) -> float:
    """How far rows lie apart: the norm of their difference over the norm of theirs, without their means; the largest, or the median."""
    if ours.shape != theirs.shape:
        return float("inf")
    if not theirs.numel():
        return 0.0
    ours, theirs = (rows.double() - rows.double().mean(-1, keepdim=True) for rows in (ours, theirs))
    apart = ((ours - theirs).norm(dim=-1) / theirs.norm(dim=-1).clamp_min(1e-30)).nan_to_num(float("inf"))
    return float(apart.median() if typical else apart.max())


def influence(model: Any, say: Callable[[], Tensor]) -> Tensor | None:
    """How much each token has a part in what is said: the size of its embedding's gradient, [tokens]; None where no embedding is asked.

    As in a training, where some models have a backward pass only; dropout closes no way for good.
    """
    leaves: list[Tensor] = []

    def leaf(module: Any, given: Any, out: Tensor) -> Tensor:
        leaves.append(out.detach().requires_grad_())
        return leaves[-1].clone()  # some scale it in place

    model.train()
    try:
        with torch.enable_grad(), _watching(model.get_input_embeddings(), leaf):
            said = say()
            weights = torch.randn(said.shape, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
            found = torch.autograd.grad((said.float() * weights.to(said.device)).sum(), leaves, allow_unused=True) if leaves else []
    finally:
        model.eval()
    parts = [torch.zeros_like(one) if grad is None else grad for one, grad in zip(leaves, found, strict=True)]
    return torch.cat([part.double().abs().sum(-1).flatten() for part in parts]) if parts else None


VALUES = (1e-2, 1.0, -3.0, 10.0, 30.0, -60.0, 200.0, 1e4)
"""Values of the output layer that are put in the place of its own, to see what the model makes of them: from tiny to beyond any cap."""


def shape_of(model: Any, ids: Tensor, tolerance: float) -> Shape | None:
    """What the model makes of its output layer, found by giving it values of ours; None where it is no scale and no cap."""
    head = model.get_output_embeddings()
    if not splits(head) or body_of(model) is model:
        return None
    seen: dict[str, Tensor] = {}

    def replaced(module: Any, given: Any, out: Tensor) -> Tensor:
        seen["into"] = given[0]
        asked = torch.tensor(VALUES, dtype=torch.float32, device=out.device)  # more digits than a model in bf16 has of its own
        seen["asked"] = asked.repeat(-(-out.shape[-1] // len(VALUES)))[: out.shape[-1]].expand(out.shape)
        return seen["asked"].clone()

    with _watching(head, replaced):
        out = logits(model, ids)
    if "asked" not in seen or out.shape != seen["asked"][0].shape:
        return None
    before = _factor(seen["into"][0], hidden(model, ids), tolerance)
    if before is None or (before != 1 and head.bias is not None):
        return None
    after = _curve(seen["asked"][0].double(), out.double(), tolerance)
    return after and after._replace(scale=after.scale * before)


@contextmanager
def _watching(module: Any, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _factor(scaled: Tensor, plain: Tensor, tolerance: float) -> float | None:
    """By which number one is the other multiplied; None where it is not."""
    if scaled.shape != plain.shape:
        return None
    scaled, plain = scaled.double(), plain.double()
    factor = float((scaled * plain).sum() / plain.square().sum().clamp_min(1e-30))
    return _plain(factor, tolerance / 10) if float((scaled - factor * plain).norm()) <= tolerance * float(scaled.norm()) else None


def _curve(values: Tensor, found: Tensor, tolerance: float) -> Shape | None:
    """The scale and cap that turn the values into what was found."""
    least, most = values.abs() == values.abs().min(), values.abs() == values.abs().max()
    scale, limit = float((found[least] / values[least]).median()), float(found[most].abs().median())
    scale, limit = (_plain(number, tolerance / 100) for number in (scale, limit))
    straight, bent = Shape(scale), Shape(scale, limit)
    shape = bent if limit < 0.9 * abs(scale) * float(values.abs().max()) else straight
    return shape if bool(((shape.of(values) - found).abs() <= tolerance * found.abs()).all()) else None


def _plain(number: float, tolerance: float) -> float:
    """The number of few digits, or one over such a number, that a config may have where rounding hides it."""
    if not number:
        return number
    known = (float(f"{number:.4g}"), 1 / float(f"{1 / number:.4g}"))
    return next((one for one in known if abs(one - number) <= tolerance * abs(number)), number)
