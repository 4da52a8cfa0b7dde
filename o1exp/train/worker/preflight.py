"""Checks of a model against its folder and the data, before a training starts."""

from pathlib import Path
from typing import Any

from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.spec import TrainSpec
from o1exp.train.worker.rotary import bases


def cannot(spec: TrainSpec, config: Any, problem: Exception) -> str:
    """The sentence for an architecture that fails by whatever exception."""
    why = said(problem)
    if "ignore_mismatched_sizes" in why:
        return f"{spec.start}: its weights have other shapes than its config.json says; the two do not belong together"
    return (
        f"{spec.start} ({config.model_type}) cannot be trained as a causal language model: {why}; start from another model{unsplit(spec)}"
    )


def unsplit(spec: TrainSpec) -> str:
    """A remedy besides, where weights are split over ranks: some models are loaded and run with whole ones only."""
    return "; machine.zero_stage=2 may do, since it leaves weights whole" if spec.splits_weights else ""


def said(problem: Exception) -> str:
    """The first line of an exception, or its kind where it says nothing."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0][:300]}" if lines else type(problem).__name__


def check_window(spec: TrainSpec, data: Encoded, config: Any) -> None:
    """Refuse examples longer than the model's positions, and token ids beyond its vocabulary."""
    longest, window = int(data.lengths.max()), getattr(config, "max_position_embeddings", None)
    if window is not None and 0 < window < longest:  # XLNet says -1 for any
        raise CannotTrain(
            f"the longest example has {longest} tokens, but {spec.start} has {window} positions; set max_length={window} "
            f"(longer examples are then dropped or cut, and counted), or start from a model with a longer window{_wider(config, longest)}"
        )
    highest, vocabulary = int(data.ids.max()), getattr(config, "vocab_size", None)
    if vocabulary is not None and highest >= vocabulary:
        raise CannotTrain(
            f"the tokenizer of {spec.start} gives token id {highest}, but its model has {vocabulary} embeddings; "
            "tokenizer and model do not belong together"
        )


def _power_above(length: int) -> int:
    return 1 << (length - 1).bit_length()


def _wider(config: Any, longest: int) -> str:
    """What to say of a wider window: learned positions do not widen."""
    rotary = getattr(config, "rope_parameters", None)
    if not rotary:
        return ""
    now = ", ".join(f"{base:g}{' in ' * bool(kind)}{kind}" for kind, base in bases(rotary).items())
    base = f" together with a larger rope_theta (now {now})" if now else ""
    return f", or widen it by choice: max_position_embeddings={_power_above(longest)}{base}"


def check_weights(spec: TrainSpec, report: Any) -> None:
    """Refuse a model folder whose weights do not fill its architecture, or where a tied output layer was stored apart.

    transformers would draw missing weights at random, and leave a stored output layer unread where the config ties it to the embedding.
    """
    missing, unread = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    if missing:
        raise CannotTrain(
            f"{spec.start} lacks the weights {', '.join(missing[:5])}, which would start at random; mend the folder, or its config "
            f"(tie_word_embeddings decides whether the output layer has weights of its own){unsplit(spec)}"
        )
    if untied := [name for name in unread if name.endswith("lm_head.weight")]:
        raise CannotTrain(
            f"{spec.start} stores an output layer ({untied[0]}) of its own, but its config ties it to the embedding, so that it would be "
            "thrown away; set tie_word_embeddings=false in config.json"
        )


def check_ties(spec: TrainSpec, model: Any) -> None:
    """Refuse a folder that stores apart, with other values, what its config ties.

    transformers would tie nothing then (under ZeRO-3: drop one of them), other programs drop one of them. The files are asked, since under
    ZeRO-3 no rank has the weights.
    """
    pairs, files = model.get_expanded_tied_weights_keys(all_submodels=True), _stored(spec)
    known = set(model.all_tied_weights_keys)
    for name, source in pairs.items():
        both = name in files and source in files
        if name not in known or (both and not _equal(files[name], name, files[source], source)):
            raise CannotTrain(
                f"{spec.start} stores {name} and {source} with different values, but its config ties them to each other, so that one of "
                "them would be thrown away; set tie_word_embeddings=false in config.json, or remove the one that is not meant"
            )


def _stored(spec: TrainSpec) -> dict[str, Path]:
    """The file of each weight of the start, by the name that it has there."""
    from safetensors import safe_open
    from transformers.utils import cached_file

    folder = Path(cached_file(spec.start, "config.json", revision=spec.revision or None)).parent
    found = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            found.update(dict.fromkeys(weights.keys(), file))
    return found


def _equal(file: Path, name: str, other: Path, source: str) -> bool:
    from safetensors import safe_open

    with safe_open(file, "pt") as one, safe_open(other, "pt") as two:
        return bool(one.get_tensor(name).equal(two.get_tensor(source)))
