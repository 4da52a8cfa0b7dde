"""Checks of a model against its folder and the data, before a training starts."""

from typing import Any

from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.spec import TrainSpec


def cannot(spec: TrainSpec, config: Any, problem: Exception) -> str:
    """The sentence for an architecture that fails by whatever exception."""
    return f"{spec.start} ({config.model_type}) cannot be trained as a causal language model: {said(problem)}; start from another model"


def said(problem: Exception) -> str:
    """The first line of an exception, or its kind where it says nothing."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0][:300]}" if lines else type(problem).__name__


def check_window(spec: TrainSpec, data: Encoded, config: Any) -> None:
    """Refuse examples longer than the model's positions, and token ids beyond its vocabulary."""
    longest, window = int(data.lengths.max()), getattr(config, "max_position_embeddings", None)
    if window is not None and longest > window:
        raise CannotTrain(
            f"the longest example has {longest} tokens, but {spec.start} has {window} positions; set max_length={window} "
            "(longer examples are then dropped or cut, and counted), start from a model with a longer window, or widen it by choice: "
            f"max_position_embeddings={_power_above(longest)} together with a larger rope_theta (now {_rope_theta(config)})"
        )
    highest, vocabulary = int(data.ids.max()), getattr(config, "vocab_size", None)
    if vocabulary is not None and highest >= vocabulary:
        raise CannotTrain(
            f"the tokenizer of {spec.start} gives token id {highest}, but its model has {vocabulary} embeddings; "
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
