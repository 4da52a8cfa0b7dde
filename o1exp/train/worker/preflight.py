"""Checks before a training starts: does the model fit the data, and does it compute what our loss assumes?"""

from collections.abc import Iterator
from typing import Any

import torch

from o1exp.train.data.batch import Group, bounds_of
from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.kernels import cudnn_attention
from o1exp.train.spec import TrainSpec
from o1exp.train.worker import attention, flash
from o1exp.train.worker.libraries import faster_flash


def check_window(spec: TrainSpec, data: Encoded, config: Any) -> None:
    """Refuse examples longer than the model's positions, and token ids beyond its vocabulary."""
    longest, window = int(data.lengths.max()), getattr(config, "max_position_embeddings", None)
    if window is not None and longest > window:
        raise CannotTrain(
            f"the longest example has {longest} tokens, but {spec.start} has {window} positions; set max_length={window} "
            "(longer examples are then dropped or cut, and counted), start from a model with a longer window, or widen it by choice: "
            f"max_position_embeddings={_power_above(longest)} together with a larger rope_theta (now {_rope_theta(config)})"
        )
    highest = int(data.ids.max())
    if highest >= config.vocab_size:
        raise CannotTrain(
            f"the tokenizer of {spec.start} gives token id {highest}, but its model has {config.vocab_size} embeddings; "
            "tokenizer and model do not belong together"
        )


def _power_above(length: int) -> int:
    return 1 << (length - 1).bit_length()


def _rope_theta(config: Any) -> str:
    parameters = getattr(config, "rope_parameters", None)
    return f"{parameters['rope_theta']:g}" if isinstance(parameters, dict) and "rope_theta" in parameters else "none"


def check_weights(spec: TrainSpec, report: Any) -> None:
    """Refuse a model folder whose weights do not fill its architecture, or where a tied output layer was stored apart.

    transformers would draw missing weights at random, and leave a stored output layer unread where the config ties it to the embedding.
    """
    missing, unread = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    if missing:
        raise CannotTrain(
            f"{spec.start} lacks the weights {', '.join(missing[:5])}, which would start at random; mend the folder, or its config "
            "(tie_word_embeddings decides whether the output layer has weights of its own)"
        )
    if untied := [name for name in unread if name.endswith("lm_head.weight")]:
        raise CannotTrain(
            f"{spec.start} stores an output layer ({untied[0]}) of its own, but its config ties it to the embedding, so that it would be "
            "thrown away; set tie_word_embeddings=false in config.json"
        )


def one_document(tokens: int, device: torch.device) -> dict[str, Any]:
    """What attention is told of a row that is one document."""
    groups = [Group(1, tokens)]
    return {"groups": groups, "bounds": bounds_of(groups).to(device), "longest": tokens}


def attention_that_runs(spec: TrainSpec, model: Any) -> str:
    """Choose the first kernel that agrees with SDPA on two documents of the model's shape; the implementation's name, SDPA's if none does.

    Errors: CannotTrain where machine.attention asks for a kernel by name.
    """
    refused = []
    for kernel in _kernels(spec):
        flash.use(kernel)
        if not (why := _disagrees(model)):
            print(f"attention: {kernel.name}", flush=True)
            return attention.VARLEN
        refused.append(f"{kernel.name} does not run here: {why}")
    if spec.attention != "auto":
        raise CannotTrain(f"machine.attention={spec.attention}: {'; '.join(refused)}; set machine.attention=auto")
    print(f"attention: SDPA, one document after the other ({'; '.join(refused)})", flush=True)
    return attention.NAME


def _kernels(spec: TrainSpec) -> Iterator[flash.Kernel]:
    """cuDNN's is faster on the GPUs it is for; in equal bytes FlashAttention is the one that was seen."""
    if spec.attention == "cudnn" or (spec.attention == "auto" and not spec.deterministic and cudnn_attention.usable()):
        yield flash.Kernel("cuDNN", cudnn_attention.forward, cudnn_attention.backward)
    if spec.attention != "cudnn":
        name = faster_flash() or flash.FLASH.name
        yield flash.FLASH._replace(name=name)


def _disagrees(model: Any) -> str:
    """Why the kernel in use cannot be used; "" where its values and gradients are those of SDPA."""
    config = model.config
    heads, width = config.num_attention_heads, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    groups = [Group(1, 40), Group(1, 24)]
    counts = [heads, *2 * [getattr(config, "num_key_value_heads", None) or heads]]
    given: dict[str, Any] = {"groups": groups, "bounds": bounds_of(groups).to(model.device), "longest": 40, "attention_mask": None}
    calls: list[Any] = [attention.by_document, attention.by_document_varlen]
    seen = []
    try:
        for call in calls:
            states = [_drawn((1, count, 64, width), model).requires_grad_() for count in counts]
            out, _ = call(model, *states, **given)
            seen.append([out.detach(), *torch.autograd.grad(out, states, _drawn(tuple(out.shape), model))])
    except Exception as problem:  # libraries differ in what they raise for a GPU or a shape that they do not know
        return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    worst = max(float((a.float() - b.float()).norm() / a.float().norm()) for a, b in zip(*seen, strict=True))
    return f"it differs from SDPA by {worst:.3f}" if not worst <= 0.02 else ""


def _drawn(shape: tuple[int, ...], model: Any) -> torch.Tensor:
    """The same numbers at each call."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(0), device="cpu").to(model.device, model.dtype)


def check_head(spec: TrainSpec, model: Any) -> None:
    """Refuse models whose logits are more than the output layer over the last hidden state (scaled or capped logits)."""
    ids = torch.arange(4, device=model.device)[None] % model.config.vocab_size
    seen = {"position_ids": torch.arange(4, device=model.device)[None], "use_cache": False, **one_document(4, model.device)}
    with torch.no_grad():
        whole = model(ids, **seen).logits
        ours = model.get_output_embeddings()(model.base_model(ids, **seen).last_hidden_state)
    if not torch.allclose(whole, ours, rtol=1e-3, atol=1e-4):
        raise CannotTrain(
            f"{spec.start} ({model.config.model_type}) changes its logits after the output layer, which this loss does not know"
        )
