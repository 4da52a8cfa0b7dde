"""LoRA (Hu et al. 2021): small trained matrices beside frozen ones, merged into them at the export."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from o1exp.train.data.encode import CannotTrain
from o1exp.train.spec import TrainSpec

FRONT, BACK, BASE = "lora_A.weight", "lora_B.weight", "base_layer."


class Adapter(nn.Module):
    """A frozen matrix with A and B beside it: x W + b + scale (x A) B. `turned`: W lies as [inputs, outputs], as GPT-2 has it."""

    def __init__(self, base: Any, pair: tuple[nn.Linear, nn.Linear], scale: float, dropout: float) -> None:
        super().__init__()
        self.base_layer, self.scale, self.turned = base, scale, isinstance(base, Conv1D)
        self.lora_A, self.lora_B = pair
        self.lora_dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        found: Tensor = self.base_layer(hidden) + self.scale * self.lora_B(self.lora_A(self.lora_dropout(hidden)))
        return found

    @property
    def weight(self) -> Tensor:
        """The matrix that the adapter makes of W: some models take a layer's weight without calling the layer."""
        added = self.scale * (self.lora_B.weight @ self.lora_A.weight)
        found: Tensor = self.base_layer.weight + (added.t() if self.turned else added)
        return found

    @property
    def bias(self) -> Tensor | None:
        found: Tensor | None = self.base_layer.bias
        return found

    @property
    def in_features(self) -> int:
        return sizes(self.base_layer)[0]

    @property
    def out_features(self) -> int:
        return sizes(self.base_layer)[1]


def add_lora(model: Any, spec: TrainSpec, partitioned: bool) -> None:
    """Put an adapter beside every matrix of the layers and freeze everything else; `partitioned` is for ZeRO-3.

    Matrices that share their weight share their adapter. Errors: CannotTrain for a model without such matrices.
    """
    found = list(matrices(model, partitioned))
    if not found:
        raise CannotTrain(f"tuning=lora: {spec.start} ({model.config.model_type}) has no matrix to put an adapter beside; set tuning=full")
    model.requires_grad_(False)
    pairs: dict[int, tuple[nn.Linear, nn.Linear]] = {}
    for parent, name, base in found:
        inputs, outputs = sizes(base)
        like: dict[str, Any] = {"bias": False, "device": base.weight.device, "dtype": base.weight.dtype}
        if id(base.weight) not in pairs:
            pairs[id(base.weight)] = nn.Linear(inputs, spec.lora_r, **like), nn.Linear(spec.lora_r, outputs, **like)
        setattr(parent, name, Adapter(base, pairs[id(base.weight)], spec.lora_alpha / spec.lora_r, spec.lora_dropout))
    _draw(model, spec.seed, partitioned)
    rest = f"; none beside {', '.join(left)}" if (left := left_out(model)) else ""
    print(f"LoRA: adapters beside {len(found)} matrices{rest}", flush=True)


def matrices(model: Any, partitioned: bool = False) -> Iterator[tuple[nn.Module, str, Any]]:
    """The text model's matrices, each with the module that has it and its name there.

    Neither the output layer nor what is tied to a layer of another kind, and not those of an encoder of pictures or sounds beside it,
    which no text reaches.
    """
    apart = set(_apart(model))
    head = model.get_output_embeddings()
    others = {module for module in model.modules() if module is head or not _is_matrix(module, partitioned)}
    held = {id(parameter) for module in others for parameter in module.parameters(recurse=False)}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child not in others and id(child.weight) not in held and child not in apart:
                yield parent, name, child


def _apart(model: Any) -> Iterator[nn.Module]:
    """Modules of inner models that have no part in the text embedding."""
    words = model.get_input_embeddings()
    for inner in model.modules():
        if isinstance(inner, PreTrainedModel) and all(module is not words for module in inner.modules()):
            yield from inner.modules()


def _is_matrix(module: Any, partitioned: bool) -> bool:
    """Is it torch's linear layer or GPT-2's? One derived from these may do more, so it is tried."""
    if type(module) in (nn.Linear, Conv1D):
        return True
    if not isinstance(module, nn.Linear):
        return False
    with whole(list(module.parameters()), partitioned), torch.no_grad():
        drawn = torch.linspace(-1, 1, module.in_features, device=module.weight.device, dtype=module.weight.dtype)[None]
        found = module(drawn)
        return isinstance(found, Tensor) and torch.allclose(found, nn.functional.linear(drawn, module.weight, module.bias), rtol=1e-2)


def sizes(base: Any) -> tuple[int, int]:
    """Inputs and outputs of a matrix."""
    return (base.nx, base.nf) if isinstance(base, Conv1D) else (base.in_features, base.out_features)


def left_out(model: Any) -> list[str]:
    """What else the layers multiply by, without an adapter: experts that are one tensor, convolutions; without the layers' numbers."""
    head = model.get_output_embeddings()
    apart = [module for module in model.modules() if isinstance(module, nn.Embedding) or module is head]
    known = {id(parameter) for module in apart for parameter in module.parameters()}
    names = []
    for name, parameter in model.named_parameters():
        plain = not name.endswith((FRONT, BACK)) and BASE not in name
        if plain and id(parameter) not in known and len(getattr(parameter, "ds_shape", parameter.shape)) > 1:
            names.append(".".join(part for part in name.split(".") if not part.isdecimal()))
    return list(dict.fromkeys(names))


def _draw(model: Any, seed: int, partitioned: bool) -> None:
    """A uniform (Kaiming), B zero: the training starts at the start, with the same A on any machine.

    Under ZeRO-3 each adapter is split as soon as it exists, and what torch draws fills the empty rest.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    for name, parameter in model.named_parameters():
        if not name.endswith((FRONT, BACK)):
            continue
        with whole([parameter], partitioned), torch.no_grad():
            fresh = torch.zeros(parameter.shape, device="cpu")  # Lightning makes the GPU the default, where the numbers would be others
            if name.endswith(FRONT):
                nn.init.kaiming_uniform_(fresh, a=math.sqrt(5), generator=generator)
            parameter.copy_(fresh)


def whole(parameters: list[Any], partitioned: bool) -> AbstractContextManager[Any]:
    """Within it split parameters are whole; what rank 0 then holds is split anew."""
    if not partitioned:
        return nullcontext()
    import deepspeed

    gathered: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(parameters, modifier_rank=0)
    return gathered


def lean(model: Any) -> int:
    """Let each adapted matrix of a GPU add its adapter in place: one more pass over the result instead of four; how many do.

    Not for weights that ZeRO-3 splits, since they were not whole when this was chosen, and not with dropout.
    """
    count = 0
    for module in model.modules():
        if isinstance(module, Adapter) and not module.turned and isinstance(module.lora_dropout, nn.Identity):
            module.forward = MethodType(_adapted, module)  # type: ignore[method-assign]
            count += 1
    return count


def _adapted(self: Adapter, hidden: Tensor) -> Tensor:
    front, back = self.lora_A.weight, self.lora_B.weight
    found = _Adapted.apply(hidden, self.base_layer.weight, self.base_layer.bias, front, back, self.scale)  # type: ignore[no-untyped-call]
    assert isinstance(found, Tensor)
    return found


class _Adapted(torch.autograd.Function):
    """x W + b + scale (x A) B, W and b frozen: besides x only x A is kept, and nothing is computed for W."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, front: Tensor, back: Tensor,
        scale: float,
    ) -> Tensor:  # fmt: skip
        rows = hidden.reshape(-1, hidden.shape[-1])
        narrow = rows @ front.t()
        out = nn.functional.linear(rows, weight, bias).addmm_(narrow, back.t(), alpha=scale)
        ctx.save_for_backward(rows, narrow, weight, front, back)
        ctx.scale = scale
        return out.view(*hidden.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        rows, narrow, weight, front, back = ctx.saved_tensors
        outside = outer[0].reshape(-1, outer[0].shape[-1])
        inside = (outside @ back).mul_(ctx.scale)
        to_hidden = None
        if ctx.needs_input_grad[0]:
            to_hidden = (outside @ weight).addmm_(inside, front).view(*outer[0].shape[:-1], weight.shape[1])
        return to_hidden, None, None, inside.t() @ rows, (outside.t() @ narrow).mul_(ctx.scale), None


def merged(model: Any, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of the model without adapters: W + scale x B A."""
    found = {name.replace(f".{BASE}", "."): weight for name, weight in weights.items() if not name.endswith((FRONT, BACK))}
    shared: dict[int, Tensor] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if not isinstance(module, Adapter):
            continue
        one = id(module.base_layer.weight)
        if one not in shared:
            added = module.scale * (weights[f"{name}.{BACK}"].float() @ weights[f"{name}.{FRONT}"].float())
            weight = weights[f"{name}.{BASE}weight"]
            shared[one] = (weight.float() + (added.t() if module.turned else added)).to(weight.dtype)
        found[f"{name}.weight"] = shared[one]
    return found
