"""What only a GPU can show: kernels against their formulas, and captured steps against the plain loop."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from o1exp.bench.engines.decode import decode
from o1exp.bench.engines.paged.answer import Asked, answer
from o1exp.bench.engines.paged.fit import check_kernel, paged
from o1exp.bench.engines.paged.rows import Told
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules
from tests.bench.tiny import save_tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("heads", "key_heads", "width"), [(12, 2, 128), (28, 4, 128), (14, 2, 64), (8, 8, 80), (4, 1, 256)])
def test_the_kernel_is_the_formula(dtype: torch.dtype, heads: int, key_heads: int, width: int) -> None:
    from o1exp.bench.engines.paged.kernel import attend_pages

    check_kernel(attend_pages, heads, (key_heads, width), torch.zeros(1, dtype=dtype, device="cuda"))


@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, 1.0), (1.0, 1.0), (0.8, 0.9)])
def test_captured_steps_write_what_the_plain_loop_writes(tmp_path: Path, temperature: float, top_p: float) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(save_tiny(tmp_path), attn_implementation="sdpa", device_map="cuda").eval()
    rules = DecodeRules(temperature=temperature, top_p=top_p, ends=frozenset({7, *range(100, 104)}), stopped=lambda ids, new: False)

    def ask(number: int) -> DecodeRequest:
        noise = torch.rand(200, generator=torch.Generator().manual_seed(number))
        return DecodeRequest(prompt=(2, *range(5, 6 + number % 50), 3), limit=200, noise=noise)

    plain = decode(model, [ask(number) for number in range(60)], rules, lambda tokens, finished: None)
    found, got = paged(model), dict[int, Decoded]()
    assert found.kernel == "triton"
    answer(model, found, Asked(rows=range(60), ask=ask, rules=rules, longest=(260, 200), slots=20), Told(got.update, lambda tokens: None))
    assert [len(got[number].ids) > 0 for number in range(60)] == [len(row.ids) > 0 for row in plain]
    # A chance that lies within rounding of another turns a row, seldom.
    assert sum(got[number].ids == row.ids for number, row in enumerate(plain)) >= 57
