"""The exported folder read again as a user would: no weight is missing or unread, and it gives the losses of the model that was trained."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from o1exp.train.data.batch import MicroBatch, micro_batch
from o1exp.train.data.encode import Encoded
from o1exp.train.worker.loss import token_losses

TOKENS = 64
"""The probe is the beginning of a document of so many tokens at most."""
APART = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""How far a token's loss may lie from what was trained, on average: what rounding does, also that of LoRA's sum in bf16."""
SHARE = 0.01
SECONDS = 2.0
SPEED = 1e9
"""Reading the weights may take a share of the training, or 2 seconds, at so many bytes a second."""


class Probe(NamedTuple):
    """A short text, and the loss of each of its tokens but the first under the trained model, fp32 on the CPU."""

    ids: torch.Tensor
    losses: torch.Tensor


def probe(model: Any, data: Encoded, device: torch.device) -> Probe:
    """Asked of the trained model by the path that it was trained on; every rank calls it, since ZeRO-3 needs all of them."""
    batch = _beginning(data)
    model.eval()
    with torch.no_grad():
        losses = token_losses(model, batch.to(device)).float().cpu()
    model.train()
    return Probe(batch.ids.cpu(), losses)


def _beginning(data: Encoded) -> MicroBatch:
    """The beginning of the first document, each token but the first a label."""
    ids = np.array(data.document(0)[:TOKENS])
    one = np.zeros(1, dtype=np.int64)
    short = Encoded(
        ids=ids, starts=np.array([0, len(ids)]), prompts=one + 1, rows=one, problems=one, units=one, roles=one.astype(np.int8),
        lengths_seen=one + len(ids),
    )  # fmt: skip
    return micro_batch([0], short)


def unlike(model: Any, folder: Path, seen: Probe, seconds: float) -> str:
    """How the folder differs from the trained model; "" where it does not. `seconds`: how long the training took.

    Names and shapes are compared always, from the files' headers. The losses too, unless reading the weights would need more memory than
    there is, or more time than one percent of the training.
    """
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()  # under ZeRO-3 what is loaded next would be split over the ranks
    why = _too_much(folder, seconds)
    try:
        found = _differences(_from_headers(type(model), folder))
    except Exception as problem:  # no words for a user, who never loads it so
        found, why = "", f"{why}; nor could the names be: {_first_line(problem)}" if why else ""
    if found or why:
        print(f"export: {found or f'losses were not compared: {why}'}", flush=True)
        return found
    try:
        again, report = _loaded(folder, model.device)
        return _differences(report) or _apart(again, seen)
    except Exception as problem:  # whatever a user would meet who loads it
        return f"transformers cannot load it ({_first_line(problem)})"


def _first_line(problem: Exception) -> str:
    return f"{type(problem).__name__}: {next(iter(str(problem).strip().splitlines()), '')}"


def _from_headers(kind: Any, folder: Path) -> Any:
    """What transformers reports of the weights, asked with tensors that have a shape and no content."""
    from safetensors import safe_open
    from transformers import AutoConfig

    empty = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118  (it is no dict)
                empty[name] = torch.empty(weights.get_slice(name).get_shape(), device="meta")
    _, report = kind.from_pretrained(
        None, config=AutoConfig.from_pretrained(folder), state_dict=empty, device_map="meta", output_loading_info=True,
        ignore_mismatched_sizes=True,
    )  # fmt: skip
    return report


def _loaded(folder: Path, device: torch.device) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", use_safetensors=True, output_loading_info=True)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
    return model.eval().to(device if size(folder) < 0.8 * free else "cpu"), report


def _differences(report: Any) -> str:
    """In the words of transformers: weights that would be drawn at random, and weights that nobody reads."""
    wrong = {"lacks": "missing_keys", "holds, for no layer,": "unexpected_keys", "has another shape of": "mismatched_keys"}
    return "; ".join(f"it {what} {_names(report[keys])}" for what, keys in wrong.items() if report[keys])


def _names(keys: Any) -> str:
    names = sorted(key if isinstance(key, str) else str(key[0]) for key in keys)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _apart(model: Any, seen: Probe) -> str:
    with torch.no_grad():
        logits = model(seen.ids.to(model.device)).logits[0, :-1].float().cpu()
    losses = cross_entropy(logits, seen.ids[0, 1:], reduction="none")
    mean = float((losses - seen.losses).abs().mean())
    if mean <= APART.get(model.dtype, APART[torch.bfloat16]):
        return ""
    return (
        f"its loss on {len(losses)} tokens is {float(losses.mean()):.4f}, that of the trained model {float(seen.losses.mean()):.4f} "
        f"(a token's differs by {mean:.4f})"
    )


def size(folder: Path) -> int:
    """Bytes of the weights."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _too_much(folder: Path, seconds: float) -> str:
    """Why the weights are not read again; "" where they are."""
    bytes_, free = size(folder), _free()
    if bytes_ / SPEED > max(SECONDS, SHARE * seconds):
        return f"reading {bytes_ / 1e9:.1f} GB would take more than 1 % of the training"
    if 1.5 * bytes_ > free:
        return f"{bytes_ / 1e9:.1f} GB of weights and {free / 1e9:.1f} GB of free memory"
    return ""


def _free() -> float:
    """Memory that a process could still take, in bytes."""
    lines = Path("/proc/meminfo")
    said = lines.read_text(encoding="utf-8").splitlines() if lines.exists() else []
    found = [line.split()[1] for line in said if line.startswith("MemAvailable")]
    return float(found[0]) * 1024 if found else float("inf")
