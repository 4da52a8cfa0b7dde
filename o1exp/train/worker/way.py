"""How a micro-batch goes through the model: as one packed row, as rows of about equally long documents, or document by document."""

import inspect
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import torch

from o1exp.train.data.batch import MicroBatch

Layout = Literal["packed", "rows", "alone"]


class Shape(NamedTuple):
    """What a model makes of its output layer's values z: scale x z, and with a cap (0: none) cap x tanh(scale x z / cap)."""

    scale: float = 1.0
    cap: float = 0.0

    def of(self, values: torch.Tensor) -> torch.Tensor:
        scaled = values if self.scale == 1 else values * self.scale
        return torch.tanh(scaled / self.cap) * self.cap if self.cap else scaled


PLAIN = Shape()


@dataclass(frozen=True)
class Way:
    """What the preflight has found right for a model.

    packed: one row of all documents through our attention, which keeps them apart; rows: documents of about one length at once, alone: one
    document at once, both through the model's own attention. `shape` is that of the split output layer, None where logits are computed
    whole; `thin`: the last MLP works on places with a label only; `meeting`: ranks must make equally many forward passes (ZeRO-3).
    """

    layout: Layout = "packed"
    shape: Shape | None = PLAIN
    thin: bool = True
    meeting: bool = False


def way_of(model: Any) -> Way:
    found = getattr(model, "o1exp_way", None)
    return found if isinstance(found, Way) else Way()


def body_of(model: Any) -> Any:
    """The model without its output layer; the model itself where it does not say which part that is."""
    return model.base_model if model.base_model is not model else getattr(model, "model", model)


class Piece(NamedTuple):
    """Documents of one forward pass: so many of `length` tokens each, from token `at` of the flat row, with so many `labels`."""

    at: int
    documents: int
    length: int
    labels: int


def pieces(batch: MicroBatch, layout: Layout) -> list[Piece]:
    """The forward passes of a micro-batch that is not packed."""
    if not batch.documents:
        return [Piece(0, 1, 1, 0)]
    starts = [0, *accumulate(group.length for group in batch.groups for _ in range(group.count))]
    if layout == "alone":
        return [Piece(at, 1, *size) for at, size in zip(starts, batch.sizes, strict=False)]
    found, first = [], 0
    for group in batch.groups:
        labels = sum(labels for _, labels in batch.sizes[first : first + group.count])
        found.append(Piece(starts[first], group.count, group.length, labels))
        first += group.count
    return found


def predicting(model: Any, batch: MicroBatch) -> torch.Tensor:
    """The last hidden states at the places that predict a label, [labels, width]; whole logits, [labels, vocabulary], for such a way."""
    parking = getattr(model, "o1exp_parking", None)
    with parking.saved() if parking else nullcontext():
        if way_of(model).layout == "packed":
            return _packed(model, batch)
        return torch.cat(list(_apart(model, batch)))


def _packed(model: Any, batch: MicroBatch) -> torch.Tensor:
    known: dict[str, Any] = {"groups": batch.groups, "bounds": batch.bounds, "longest": batch.longest}
    if batch.share is not None:
        known["share"] = batch.share
    if way_of(model).thin:
        known["predictors"] = batch.predictors
    return _asked(model, {"input_ids": batch.ids, "position_ids": batch.positions, **known}, batch.predictors)


def _apart(model: Any, batch: MicroBatch) -> Iterator[torch.Tensor]:
    way = way_of(model)
    passes = pieces(batch, way.layout)
    predictors = torch.split(batch.predictors, [piece.labels for piece in passes])
    # Asked before the first pass: a rank that asks while another still gathers weights would wait for it for good.
    idle = missing(way, len(passes), batch.ids.device)
    for piece, places in zip(passes, predictors, strict=True):
        ids = batch.ids[0, piece.at : piece.at + piece.documents * piece.length].view(piece.documents, piece.length)
        yield _asked(model, {"input_ids": ids}, places - piece.at)
    for _ in range(idle):
        yield _asked(model, {"input_ids": batch.ids[:, :1]}, batch.predictors[:0])


def _asked(model: Any, given: dict[str, Any], places: torch.Tensor) -> torch.Tensor:
    """What the model, or its body where the output layer is split off, gives at these places of its rows laid end to end."""
    if way_of(model).shape is not None:
        body = body_of(model)
        hidden: torch.Tensor = body(**given, **without_cache(body))[0]
        return hidden.flatten(0, 1).index_select(0, places)
    chosen = len(given["input_ids"]) == 1 and "logits_to_keep" in parameters(model.__class__)
    keep = {"logits_to_keep": places} if chosen else {}
    logits: torch.Tensor = model(**given, **keep, **without_cache(model)).logits.flatten(0, 1)
    return logits if chosen else logits.index_select(0, places)


def without_cache(module: Any) -> dict[str, bool]:
    """The argument that keeps a forward pass from filling a cache, for models that know it."""
    known = parameters(module.__class__)
    return {"use_cache": False} if "use_cache" in known or inspect.Parameter.VAR_KEYWORD in known.values() else {}


@cache
def parameters(kind: Any) -> dict[str, Any]:
    """The arguments of the forward pass of a module's class, each with its kind."""
    return {name: one.kind for name, one in inspect.signature(kind.forward).parameters.items()}


def missing(way: Way, count: int, device: torch.device) -> int:
    """How many more than `count` times this rank must ask for weights, so that all ranks ask equally often."""
    if not way.meeting:
        return 0
    counts = torch.tensor(count, device=device)
    torch.distributed.all_reduce(counts, torch.distributed.ReduceOp.MAX)
    return int(counts) - count
