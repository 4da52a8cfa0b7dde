"""Activations that wait for the backward pass in the memory of the CPU, copied there and back beside the computation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

SMALLEST = 2**14
"""Elements below which a tensor stays where it is."""


class Parking:
    """Tensors parked in pinned memory; the one parked before is fetched while the one asked for is used."""

    def __init__(self, device: torch.device) -> None:
        self.stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.parked: list[_Parked] = []

    def park(self, tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Takes the tensor away and returns what gives it back, once."""
        if tensor.numel() < SMALLEST:
            return lambda: tensor
        place = _Parked(tensor, self.stream)
        self.parked.append(place)
        return lambda: self._fetch(place)

    def _fetch(self, place: "_Parked") -> torch.Tensor:
        found = place.back()
        self.parked.remove(place)
        for soon in reversed(self.parked[-AHEAD:]):  # the backward pass goes from the last to the first
            soon.start()
        return found

    @contextmanager
    def saved(self) -> Iterator[None]:
        """Within it, what autograd saves is parked: around checkpointed layers these are their inputs."""
        self.parked.clear()  # what a pass without its backward one left
        with torch.autograd.graph.saved_tensors_hooks(self.park, lambda give: give()):
            yield


AHEAD = 4
"""Tensors on their way back at once: a layer's input and what its attention gave."""


class _Parked:
    def __init__(self, tensor: torch.Tensor, stream: Any) -> None:
        self.stream, self.device = stream, tensor.device
        self.fetched: torch.Tensor | None = None
        if stream is None:
            self.there = tensor.clone()
            return
        self.there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            self.there.copy_(tensor, non_blocking=True)
        tensor.record_stream(stream)

    def start(self) -> None:
        """Begin the way back."""
        if self.fetched is not None or self.stream is None:
            return
        with torch.cuda.stream(self.stream):
            self.fetched = self.there.to(self.device, non_blocking=True)

    def back(self) -> torch.Tensor:
        if self.stream is None:
            return self.there
        self.start()
        assert self.fetched is not None
        here = torch.cuda.current_stream(self.device)
        here.wait_stream(self.stream)
        self.fetched.record_stream(here)
        return self.fetched
