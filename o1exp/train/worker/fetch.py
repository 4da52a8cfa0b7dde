"""When weights that ZeRO-3 has split are whole: for a layer at a time, and for all of them where nothing has to be fetched in between.

DeepSpeed hangs four hooks on every module, also on those without weights of their own: some 130 calls for a decoder layer and micro-batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from o1exp.train.worker.memory import free_bytes
from o1exp.train.worker.shallow import layers_of

ROOM = 1.2
"""How much more memory than the whole weights take must be free, for what is computed with them."""


def keep_whole(engine: Any) -> None:
    """Fetch all weights for good and take the hooks off: for a rank alone, whose parts are the weights themselves.

    What is fetched there is a view of the part, so that it takes no memory. After every step and checkpoint DeepSpeed fetches what is
    marked to stay, here all of it.
    """
    offload = engine.optimizer.parameter_offload
    _take_off(offload)
    offload.persistent_parameters[0].all_gather(offload.persistent_parameters)


def fetch_by_layer(engine: Any, layers: list[Any]) -> None:
    """Let the weights of each of these layers come and go at once, with one pair of hooks a pass; gradients still go one by one."""
    from deepspeed.utils import set_z3_leaf_module

    if not layers:
        return
    offload = engine.optimizer.parameter_offload
    _take_off(offload)
    for layer in layers:
        set_z3_leaf_module(layer, True)
    _hang(offload)


@contextmanager
def whole_weights(engine: Any, device: torch.device) -> Iterator[bool]:
    """Within it every rank has all weights and computes alone, where they fit beside what it holds; says whether they do.

    Every rank calls it, between two steps.
    """
    import deepspeed

    offload = engine.optimizer.parameter_offload
    weights = list(offload.module.parameters())
    needed = ROOM * sum(weight.ds_numel * weight.element_size() for weight in weights)
    fits = torch.tensor(float(free_bytes(device) >= needed), device=device)
    torch.distributed.all_reduce(fits, torch.distributed.ReduceOp.MIN)
    if not fits:
        yield False
        return
    offload.partition_all_parameters()  # also what is still on its way
    _take_off(offload)
    try:
        with deepspeed.zero.GatheredParameters(weights):
            yield True
    finally:
        _hang(offload)


def _take_off(offload: Any) -> None:
    for hook in (*offload.forward_hooks, *offload.backward_hooks):
        hook.remove()
    offload.forward_hooks.clear()
    offload.backward_hooks.clear()


def _hang(offload: Any) -> None:
    """Hang hooks anew. What was noted of the order of modules no longer holds; DeepSpeed notes it again in the next passes."""
    coordinator = offload.get_param_coordinator()
    if not coordinator.is_invalid_trace():
        coordinator._invalidate_trace()
    offload._register_deepspeed_module(offload.module)


class Layers:
    """The layers of a model, watched in its forward passes: can their weights come and go at once?

    Hooks know of a module's backward pass by the tensors that it is given in order, not by name, and by those that it gives.
    """

    def __init__(self, model: Any) -> None:
        self.all = layers_of(model)
        self.seen: dict[int, bool] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        handles = [layer.register_forward_hook(self._note) for layer in self.all]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _note(self, layer: Any, given: Any, out: Any) -> None:
        self.seen[id(layer)] = self.seen.get(id(layer), True) and _has_states(given) and _has_states(out)

    def suited(self) -> list[Any]:
        """All of them, or none where not each has been called so in every pass."""
        return self.all if all(self.seen.get(id(layer)) for layer in self.all) else []


def _has_states(values: Any) -> bool:
    if isinstance(values, torch.Tensor):
        return values.is_floating_point()
    return isinstance(values, (tuple, list)) and any(_has_states(value) for value in values)
