"""A model with one layer of each kind at work: what depends on the length of a text shows there, at a fraction of the cost."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from o1exp.train.worker.way import body_of

Told = dict[tuple[str, str], Any]
"""By the part's name and the setting's."""


@contextmanager
def shallow(model: Any) -> Iterator[bool]:
    """Within it, layers of a kind that was met before hand on what they get, all but the last; says whether there are such layers.

    What comes out is no text's meaning, but whatever is right or wrong about documents in it is so in the whole model: its layers compute
    by the same code and settings. Weights that ranks share are still asked for by each pass.
    """
    layers = layers_of(model)
    idle = [layers[number] for number in repeated(layers, model.config)]
    last: list[Any] = []

    def note(layer: torch.nn.Module, given: Any, out: Any) -> None:
        last[:] = [out]

    def handed(*given: Any, **asked: Any) -> Any:
        return last[0]  # the layer before gave it, with whatever it gives beside the states

    handles = [layer.register_forward_hook(note) for layer in layers] if idle else []
    own: list[Callable[..., Any] | None] = [vars(layer).get("forward") for layer in idle]
    for layer in idle:
        layer.forward = handed
    try:
        yield bool(idle)
    finally:
        for layer, forward in zip(idle, own, strict=True):
            del layer.forward
            if forward is not None:
                layer.forward = forward
        for handle in handles:
            handle.remove()


def layers_of(model: Any) -> list[Any]:
    """The layers of the model's body in order, as one list of modules holds them; none where there is no such list, or more than one."""
    lists = [module for module in body_of(model).modules() if isinstance(module, torch.nn.ModuleList) and len(module) > 1]
    inner = {id(part) for each in lists for part in each.modules() if part is not each}
    outer = [each for each in lists if id(each) not in inner]
    if len(outer) > 1:  # what reads pictures has layers too
        outer = [each for each in outer if len(each) == getattr(model.config.get_text_config(), "num_hidden_layers", 0)]
    return list(outer[0]) if len(outer) == 1 else []


def repeated(layers: list[Any], config: Any) -> list[int]:
    """The numbers of layers that an earlier one is like in all but its number and its weights; never the first and the last."""
    told = [_told(layer) for layer in layers]
    numbers = {name for one in told for name in one if _counts([other.get(name, None) for other in told])}
    lists = _listed(config, len(layers))
    kinds = [
        (frozenset(item for item in one.items() if item[0] not in numbers), tuple(repr(each[number]) for each in lists))
        for number, one in enumerate(told)
    ]
    return [number for number in range(1, len(layers) - 1) if kinds[number] in kinds[:number]]


def _told(layer: Any) -> Told:
    """What a layer's parts are and are set to."""
    found: Told = {}
    for name, part in layer.named_modules():
        found[name, "class"] = type(part)
        found.update({(name, key): value for key, value in vars(part).items() if isinstance(value, (int, float, str, type(None)))})
        found.update({(name, key): _content(buffer) for key, buffer in part._buffers.items()})
        found.update({(name, key): _size(weight) for key, weight in part._parameters.items()})
    return found


def _size(weight: torch.Tensor | None) -> Hashable:
    return None if weight is None else tuple(getattr(weight, "ds_shape", weight.shape))


def _content(buffer: torch.Tensor | None) -> Hashable:
    return None if buffer is None else (tuple(buffer.shape), float(buffer.double().sum()))


def _counts(values: list[Hashable]) -> bool:
    """Are these the numbers of the layers, where a layer has one?"""
    ahead = {value - number if type(value) is int else None for number, value in enumerate(values) if value is not None}
    return len(ahead) == 1 and None not in ahead and sum(value is not None for value in values) > 1


def _listed(config: Any, length: int) -> list[Any]:
    """What the config says of each layer."""
    known = {id(one): one for one in (config, config.get_text_config())}
    return [value for one in known.values() for value in vars(one).values() if isinstance(value, (list, tuple)) and len(value) == length]
