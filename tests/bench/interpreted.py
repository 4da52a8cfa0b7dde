"""The kernels of decoding in pages beside their formulas, interpreted on a CPU (TRITON_INTERPRET=1): raises where one differs.

bf16 is left out: the interpreter multiplies such matrices as if they were whole numbers.
"""

from typing import Any

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PhiConfig, PhiForCausalLM, Qwen3Config, Qwen3ForCausalLM
from triton.runtime import interpreter

from o1exp.bench.engines.paged import fit
from o1exp.bench.engines.paged.attention import attend_pages

SHAPES = ((14, 2, 64), (6, 3, 96), (5, 5, 112), (4, 1, 256), (3, 1, 16))
"""Heads, key heads and width: groups and widths that are no powers of two, and the widest."""
SIZES: dict[str, Any] = {"vocab_size": 64, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 32}


def whole_numbers() -> None:
    """The bounds of a loop are arrays of one number to Triton's interpreter, which numpy from 2.4 on no longer takes for it."""
    patch = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = patched


def models() -> list[Any]:
    """Norms of two widths, heads that turn whole, and two ways to turn a part of each."""
    return [
        Qwen3ForCausalLM(Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=24)),
        GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES, rotary_pct=0.25)),
        PhiForCausalLM(PhiConfig(**SIZES, partial_rotary_factor=0.5)),
    ]


def main() -> None:
    from o1exp.bench.engines.paged import kernel

    whole_numbers()
    for heads, key_heads, width in SHAPES:
        fit.check_kernel(kernel.attend_pages, heads, (key_heads, width), torch.zeros(1))
    fit.check_kernel(kernel.attend_pages, 6, (2, 80), torch.zeros(1, dtype=torch.float16))
    fit._kernel = lambda model, layers: ("triton", attend_pages)
    fit.PAGE = 16
    torch.manual_seed(0)
    for model in models():
        print(type(model).__name__, fit.paged(model.eval()).kernel)


if __name__ == "__main__":
    main()
