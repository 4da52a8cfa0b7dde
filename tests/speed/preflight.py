"""What the preflight costs beside one micro-batch of the training: python -m tests.speed.preflight [NAME ...]; one thread, CPU seconds."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from o1exp.train.data.encode import Encoded
from tests.train.parts import a_spec, encoded

SHAPES: dict[str, tuple[str, tuple[int, int, int, int], dict[str, Any], int]] = {
    "0.8M": ("llama", (128, 4, 384, 261), {"num_attention_heads": 4}, 7168),
    "44M": ("llama", (512, 8, 1536, 32_000), {"num_attention_heads": 8}, 8192),
    "44M windows": (
        "gemma3_text",
        (512, 8, 1536, 32_000),
        {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64, "sliding_window": 512},
        8192,
    ),
    "vocabulary 152,064": ("llama", (256, 8, 768, 152_064), {"num_attention_heads": 4}, 4096),
    "mamba": ("mamba", (384, 8, 768, 32_000), {}, 512),
    "135M": ("llama", (576, 30, 1536, 49_152), {"num_attention_heads": 9, "num_key_value_heads": 3}, 4096),
}
"""Model type, its width, layers, inner width and vocabulary, more settings, and the tokens of a micro-batch; 135M: SmolLM2's shape."""


def main(names: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    for name in names or SHAPES:
        print(line(name), flush=True)


def line(name: str) -> str:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss
    from o1exp.train.worker.trial import find_way

    kind, sizes, more, tokens = SHAPES[name]
    model, data = built(kind, sizes, more), texts(tokens, sizes[-1])
    spec = a_spec(start=name, pack_length=tokens, micro_batch_tokens=tokens)
    (way, _), tried = timed(lambda: find_way(spec, data, model))
    batch = micro_batch(list(range(len(data))), data)
    _, learned = timed(lambda: torch.autograd.backward(summed_loss(model, batch).loss))
    count = sum(one.numel() for one in model.parameters())
    return (
        f"{name}: {count / 1e6:.1f}M, {way.layout}, preflight {tried:.2f} s, micro-batch of {data.lengths.sum()} tokens {learned:.2f} s; "
        f"{tried / learned:.2f} of one, {tried / learned / 30:.2%} of 30 steps of one each"
    )


def timed(do: Callable[[], Any]) -> tuple[Any, float]:
    before = time.process_time()
    return do(), time.process_time() - before


def built(kind: str, sizes: tuple[int, int, int, int], more: dict[str, Any]) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from o1exp.train.worker.loss import teach_loss, teach_rows

    torch.manual_seed(0)
    named = dict(zip(("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size"), sizes, strict=True))
    settings = {**named, **more, "max_position_embeddings": 8192, "tie_word_embeddings": True}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings))
    teach_loss(model)
    teach_rows(model)
    return model


def texts(tokens: int, vocabulary: int) -> Encoded:
    """Documents that fill a micro-batch: one of half its length, the others as long thoughts are, half of each the prompt's."""
    dice, lengths = np.random.default_rng(0), [tokens // 2]
    while (room := tokens - sum(lengths)) > tokens // 50:
        lengths.append(int(min(room, max(8, dice.lognormal(np.log(tokens / 12), 0.6)))))
    return encoded(dice.integers(3, vocabulary, sum(lengths)), np.concatenate([[0], np.cumsum(lengths)]), np.array(lengths) // 4)


if __name__ == "__main__":
    main(sys.argv[1:])
