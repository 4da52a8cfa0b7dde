"""Layers that compute their activations again in the backward pass, but keep what was dear: attention is not computed twice."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from o1exp.train.worker.libraries import checkpoint_layers
from o1exp.train.worker.offload import Parking
from o1exp.train.worker.way import body_of

Tensors = tuple[torch.Tensor, ...]


class _Pass:
    """What the layer at work does with results that `kept` is asked for. The backward pass runs in a thread of its own, and alone."""

    recording: "deque[Any] | None" = None
    replaying: "deque[Any] | None" = None
    parking: Parking | None = None


def kept(make: Callable[[], Tensors]) -> Tensors:
    """`make()`, or in the second pass of a layer what it gave in the first."""
    if _Pass.replaying is not None:
        found: Tensors = tuple(part() for part in _Pass.replaying.popleft())
        return found
    made = make()
    if _Pass.recording is not None:
        parking = _Pass.parking
        _Pass.recording.append([parking.park(part.detach()) if parking else _held(part.detach()) for part in made])
    return made


def _held(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: tensor


def checkpoint_activations(model: Any, parking: Parking | None = None) -> None:
    """Keep each layer's input and attention only, the last layer's activations all: its backward pass comes at once.

    `parking` takes what is kept to the memory of the CPU, then the last layer's input too.
    """
    model.enable_input_require_grads()  # or frozen embeddings would leave the first layer's output without a gradient
    # Dropout's random numbers are drawn again by the seed alone, which is restored only where there is dropout.
    checkpoint_layers(model, {"use_reentrant": False, "context_fn": _two_passes, "preserve_rng_state": _drops(model)})
    _Pass.parking = parking
    layers = getattr(body_of(model), "layers", None)
    if isinstance(layers, torch.nn.ModuleList) and len(layers) > 1 and parking is None:
        last: Any = layers[-1]
        last.gradient_checkpointing = False


def _drops(model: Any) -> bool:
    modules = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    return any(module.p for module in modules) or bool(getattr(model.config, "attention_dropout", 0.0))


def _two_passes() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    things: deque[Any] = deque()
    return _doing("recording", things), _doing("replaying", things)


@contextmanager
def _doing(what: str, things: "deque[Any]") -> Iterator[None]:
    before = getattr(_Pass, what)
    setattr(_Pass, what, things)
    try:
        yield
    finally:
        setattr(_Pass, what, before)
