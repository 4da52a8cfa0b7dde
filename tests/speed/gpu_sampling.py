"""The embedded engine on a GPU: tokens per second beside transformers' own `generate`, on random-weight Qwen2 models of real sizes.

python -m tests.speed.gpu_sampling [PART ...] prints a JSON line for each part: equal, kernel, draw, profile, or a case such as 1.5B-128.
"""

import copy
import gc
import hashlib
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import torch

from o1exp.bench.engines.decode import decode
from o1exp.bench.engines.paged import answer as answering
from o1exp.bench.engines.paged import fit
from o1exp.bench.engines.paged.answer import Asked, answer
from o1exp.bench.engines.paged.attention import Attend, attend_pages
from o1exp.bench.engines.paged.draw import choose_likely
from o1exp.bench.engines.paged.fit import PAGE, Paged, paged, room
from o1exp.bench.engines.paged.rows import Told
from o1exp.chat.local.draw import choose
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules, Forcing

FORCED = Forcing(end=(3,), answer=(4, 5), wait=(6,), least=0, most=10_000, closed=lambda ids, token: int(token == 3))
SHAPES: dict[str, dict[str, Any]] = {
    "small": {
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 2000,
    },
    "1.5B": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2},
    "7B": {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4},
}


@dataclass(frozen=True)
class Case:
    """So many rows of one model, each with a prompt and an answer of so many tokens."""

    size: str
    rows: int
    prompt: int = 128
    tokens: int = 512
    top_p: float = 1.0
    temperature: float = 1.0


CASES = {
    "1.5B-128": Case("1.5B", 128),
    "1.5B-16": Case("1.5B", 16),
    "1.5B-1": Case("1.5B", 1),
    "1.5B-512": Case("1.5B", 512),
    "1.5B-128-top_p": Case("1.5B", 128, top_p=0.95, temperature=0.03),
    "1.5B-128-top_p-flat": Case("1.5B", 128, tokens=64, top_p=0.95),
    "1.5B-16-long": Case("1.5B", 16, prompt=32_768 - 256, tokens=256),
    "7B-128": Case("7B", 128),
    "7B-1": Case("7B", 1, tokens=256),
}


def made(size: str, dtype: torch.dtype = torch.bfloat16, device: str = "cuda") -> Any:
    """A Qwen2 with random weights, made where it stays."""
    from transformers import AutoModelForCausalLM, Qwen2Config

    config = Qwen2Config(
        **{"vocab_size": 151_936, **SHAPES[size]}, max_position_embeddings=32_768, rope_theta=1e6, tie_word_embeddings=size == "1.5B",
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa").eval()


def requests(rows: int, prompt: int, tokens: int, words: int = 150_000) -> list[DecodeRequest]:
    luck = torch.Generator().manual_seed(0)
    prompts = torch.randint(1000, words, (rows, prompt), generator=luck).tolist()
    return [DecodeRequest(prompt=tuple(ids), limit=tokens, noise=torch.rand(tokens, generator=luck)) for ids in prompts]


def rules(temperature: float = 1.0, top_p: float = 1.0) -> DecodeRules:
    return DecodeRules(temperature=temperature, top_p=top_p, ends=frozenset({151_645}), stopped=lambda ids, new: False)


def never_stops() -> Callable[[list[int], int], bool]:
    """What a stop string costs that never comes: the tail of a text is decoded at every look."""
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    from o1exp.chat.local.spell import Spelling

    words = Tokenizer(models.WordLevel({f"word{number}": number for number in range(151_936)}, unk_token="word0"))
    words.decoder = decoders.ByteLevel()
    return Spelling(PreTrainedTokenizerFast(tokenizer_object=words)).stopped(("<|never|>",))


def measure(model: Any, found: Paged, case: Case) -> dict[str, Any]:
    """Tokens per second of one case: all of it, and reading and writing alone; memory in GiB with the cache."""
    asked = requests(case.rows, case.prompt, case.tokens)
    torch.cuda.reset_peak_memory_stats()
    started, got = time.monotonic(), dict[int, Decoded]()
    how, longest = rules(case.temperature, case.top_p), (case.prompt + case.tokens, case.tokens)
    job = Asked(rows=range(case.rows), ask=asked.__getitem__, rules=how, longest=longest)
    spent = answer(model, found, job, Told(got.update, lambda tokens: None))
    seconds = time.monotonic() - started
    tokens = sum(row.tokens for row in got.values())
    writing = spent.write_seconds - spent.capture_seconds
    return {
        "tokens": tokens, "tok_s": round(tokens / seconds), "write_tok_s": round(spent.wrote / writing),
        "read_tok_s": round(spent.read / spent.read_seconds), "capture_s": round(spent.capture_seconds, 2),
        "seconds": round(seconds, 2), "kernel": found.kernel,
        "gib": round(torch.cuda.max_memory_allocated() / 2**30, 1),
    }  # fmt: skip


def mixed(model: Any, found: Paged, rows: int = 384, pages: int = 0, **how: Any) -> dict[str, Any]:
    """Rows whose answers have a heavy tail, from tens to 1,024 tokens; `pages`: of a smaller cache; `how`: rules."""
    luck = torch.Generator().manual_seed(1)
    lengths = torch.randn(rows, generator=luck).mul(0.8).add(5.7).exp().clamp(16, 1024).long().tolist()
    asked = [replace(one, limit=length) for one, length in zip(requests(rows, 150, 1024), lengths, strict=True)]
    job = Asked(rows=range(rows), ask=asked.__getitem__, rules=replace(rules(), **how), longest=(150 + 1024, 1024))
    started, got = time.monotonic(), dict[int, Decoded]()
    with patch.object(answering, "room", lambda *call: (256, pages)) if pages else nullcontext():
        spent = answer(model, found, job, Told(got.update, lambda tokens: None))
    seconds, texts = time.monotonic() - started, [got[number] for number in range(rows)]
    wrong = sum(row.tokens != (len(row.ids) + 1 if row.ended else length) for row, length in zip(texts, lengths, strict=True))
    return {
        "tokens": sum(row.tokens for row in texts), "of": sum(lengths), "ended": sum(row.ended for row in texts), "wrong": wrong,
        "tok_s": round(sum(row.tokens for row in texts) / seconds), "read": spent.read, "read_s": round(spent.read_seconds, 2),
        "write_s": round(spent.write_seconds, 2), "capture_s": round(spent.capture_seconds, 2),
        "text": hashlib.sha256(json.dumps([row.ids for row in texts]).encode()).hexdigest()[:8],
    }  # fmt: skip


def killed(problems: int = 100) -> dict[str, Any]:
    """The generating process on a tiny model: killed while it writes, started again, against one that nobody killed."""
    import tempfile
    from pathlib import Path

    from o1exp.bench.engines.spec import ROWS, GenerateSpec, parse_row
    from o1exp.bench.sampling import Sampling
    from tests.bench.tiny import save_tiny

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sampling = Sampling(samples=40, temperature=1.0, max_tokens=450, think_end="")
        prompts = tuple(f"{number} + {number} = ?" for number in range(problems))
        texts: dict[str, list[Any]] = {}
        command = [sys.executable, "-m", "o1exp.bench.engines.generate"]
        running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("killed", "whole"):
            spec = GenerateSpec(
                model=str(save_tiny(place / "model")), revision="", ids=prompts, prompts=prompts, sampling=sampling, device="cuda",
                threads=2, out=str(place / name),
            )  # fmt: skip
            spec.save(place / f"{name}.json")
            running[name] = subprocess.Popen([*command, str(place / f"{name}.json")])
        kept, process = place / "killed" / "cuda" / ROWS, running["killed"]
        while process.poll() is None and not (kept.exists() and kept.read_bytes().count(b"\n") > 3 * problems):
            time.sleep(0.005)
        process.kill()
        process.wait()
        had = kept.read_bytes().count(b"\n")
        subprocess.run([*command, str(place / "killed.json")], check=True)
        assert running["whole"].wait() == 0
        for name in running:
            texts[name] = [parse_row(line) for line in (place / name / ROWS).read_text().split("\n") if line]
    pairs = list(zip(texts["killed"], texts["whole"], strict=True))
    return {
        "rows": len(pairs), "had_when_killed": had, "in_order": [one.row for one, _ in pairs] == list(range(40 * problems)),
        "equal": sum(one == other for one, other in pairs), "ended": sum(one.finish_reason == "stop" for one, _ in pairs),
    }  # fmt: skip


def robbed(model: Any, found: Paged) -> dict[str, Any]:
    """Memory that another takes while rows are written: fewer rows at a time go on with what they have."""
    asked, got, less, taken = requests(96, 150, 200), dict[int, Decoded](), dict[int, Decoded](), list[torch.Tensor]()
    job = Asked(rows=range(96), ask=asked.__getitem__, rules=rules(), longest=(350, 200), slots=32)
    answer(model, found, job, Told(got.update, lambda tokens: None))
    tokens = list[int]()

    def rob(made: int) -> None:
        tokens.append(made)
        if len(tokens) == 9:
            torch.cuda.empty_cache()
            taken.append(torch.empty(torch.cuda.mem_get_info()[0] - 2**26, dtype=torch.uint8, device="cuda"))

    def give_back(*call: Any) -> tuple[int, int]:
        taken.clear()
        return room(*call)

    with patch.object(answering, "room", give_back):
        answer(model, found, job, Told(less.update, rob))
    return {
        "rows": len(less), "equal": sum(less[number].ids == got[number].ids for number in got), "robbed": len(tokens) >= 9,
        "counted": sum(tokens) == sum(row.tokens for row in less.values()),
    }  # fmt: skip


def generated(model: Any, rows: int = 128, prompt: int = 128, tokens: int = 128) -> dict[str, Any]:
    """Tokens per second of transformers' `generate` at temperature 1, with a model that nothing was done to."""
    asked = requests(rows, prompt, tokens)
    ids = torch.tensor([request.prompt for request in asked], device=model.device)
    settings: dict[str, Any] = {"do_sample": True, "temperature": 1.0, "top_k": 0, "attention_mask": torch.ones_like(ids)}
    model.generate(ids, max_new_tokens=4, **settings)
    torch.cuda.synchronize()
    started = time.monotonic()
    model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, **settings)
    torch.cuda.synchronize()
    return {"tok_s": round(rows * tokens / (time.monotonic() - started))}


def equality() -> dict[str, Any]:
    """In fp32, rows that pages and captured steps write as the plain loop does; in bf16, how far both ways lie from fp32's logits.

    Where a chance lies within rounding of the drawn number, texts part: of thousands of words that are about as likely, soon.
    """
    half, asked = made("small"), requests(24, 90, 100, 2000)
    with torch.no_grad():
        half.lm_head.weight.mul_(5)  # the chances of a trained model are as sharp
    model = copy.deepcopy(half).float()
    ways = {"greedy": rules(0.0), "drawn": rules(1.0), "top_p": rules(0.8, 0.95)}
    plain = {name: decode(model, asked, how, lambda tokens, finished: None) for name, how in ways.items()}
    with torch.inference_mode():
        exact, rounded = fit._logits(model), fit._logits(half)
    found, result = paged(model), dict[str, Any]()
    for name, how in ways.items():
        got = dict[int, Decoded]()
        job = Asked(rows=range(24), ask=asked.__getitem__, rules=how, longest=(190, 100), slots=10)
        answer(model, found, job, Told(got.update, lambda tokens: None))
        result[f"fp32 {name}"] = _alike([row for _, row in sorted(got.items())], plain[name])
    with torch.inference_mode():
        result["bf16 plain, error of logits"] = _apart(rounded, exact)
        result["bf16 paged, error of logits"] = _apart(fit._paged_logits(half, paged(half)), exact)
    return {**result, "kernel": found.kernel}


def _apart(logits: torch.Tensor, exact: torch.Tensor) -> float:
    return float(f"{(logits.float() - exact).norm() / exact.norm():.3g}")


def _alike(ours: list[Decoded], plain: list[Decoded]) -> dict[str, Any]:
    common = [_common(one.ids, other.ids) for one, other in zip(ours, plain, strict=True)]
    return {
        "equal_rows": sum(one.ids == other.ids for one, other in zip(ours, plain, strict=True)), "of": len(plain),
        "common_tokens": round(sum(common) / len(plain), 1), "different_tokens": len({token for row in plain for token in row.ids}),
    }  # fmt: skip


def _common(one: list[int], other: list[int]) -> int:
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _milliseconds(job: Callable[[], Any], repeats: int = 10) -> float:
    for _ in range(3):
        job()
    torch.cuda.synchronize()
    started = time.monotonic()
    for _ in range(repeats):
        job()
    torch.cuda.synchronize()
    return (time.monotonic() - started) / repeats * 1e3


def kernels() -> dict[str, Any]:
    """The attention kernel alone: milliseconds and GB of keys and values read a second."""
    from o1exp.bench.engines.paged import kernel

    result: dict[str, Any] = {}

    def timed(which: Attend, splits: int) -> float:
        call = (0.09, PAGE, splits)
        return _milliseconds(lambda: which(query, keys, values, table, lengths, call))

    for rows, heads, key_heads, length in ((128, 12, 2, 512), (128, 28, 4, 512), (16, 12, 2, 32_700), (1, 12, 2, 640), (1, 28, 4, 32_700)):
        width, pages = 128, -(-length // PAGE)
        keys = torch.randn((rows * pages + 1) * PAGE, key_heads, width, device="cuda", dtype=torch.bfloat16)
        values = torch.randn_like(keys)
        table = torch.arange(1, rows * pages + 1, device="cuda", dtype=torch.int32).view(rows, pages)
        lengths = torch.full((rows,), length, device="cuda")
        query = torch.randn(rows, heads, width, device="cuda", dtype=torch.bfloat16)
        size = 2 * 2 * rows * key_heads * width * length
        for splits in (1, 2, 4, 8, 16, 32):
            spent = timed(kernel.attend_pages, splits)
            result[f"{rows}x{length} {heads}/{key_heads} splits {splits}"] = [round(spent, 3), round(size / spent / 1e6)]
        if rows * length < 100_000:
            result[f"{rows}x{length} {heads}/{key_heads} formula"] = round(timed(attend_pages, 1), 3)
    return result


def drawing() -> dict[str, Any]:
    """Milliseconds to draw 128 tokens of 151,936."""
    logits = torch.randn(128, 151_936, device="cuda", dtype=torch.bfloat16) * 4
    noise = torch.rand(128, device="cuda")
    result = {f"top_p {p}": round(_milliseconds(lambda p=p: choose(logits, noise, 1.0, p)), 3) for p in (1.0, 0.95)}  # type: ignore[misc]
    chances = torch.softmax(logits.float(), -1)
    result["likely"] = round(_milliseconds(lambda: choose_likely(logits, noise, 1.0, 0.95)), 3)
    result["softmax"] = round(_milliseconds(lambda: torch.softmax(logits.float(), -1)), 3)
    result["cumsum"] = round(_milliseconds(lambda: chances.cumsum(-1)), 3)
    result["topk 1024"] = round(_milliseconds(lambda: chances.topk(1024)), 3)
    result["sort"] = round(_milliseconds(lambda: chances.sort(-1, descending=True)), 3)
    return result


def profile(model: Any, found: Paged, rows: int = 128) -> dict[str, Any]:
    """Where a captured step's time goes: milliseconds per step by kernel."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiling

    from o1exp.bench.engines.paged.attention import Pool
    from o1exp.bench.engines.paged.slots import Entry, Slots
    from o1exp.bench.engines.paged.step import Shape, Spent, Stepper

    pool = Pool(found.layers, rows * 4 + 1, PAGE, torch.zeros(1, dtype=model.dtype, device=model.device))
    steps = 32
    with torch.inference_mode():
        stepper, slots = Stepper(model, pool, rules(), found.attend, Spent()), Slots(rows, 5, 512, model.device)
        slots.fill({
            row: Entry(token=1000, position=500, made=0, limit=400, noise=torch.rand(512), pages=range(1 + 4 * row, 5 + 4 * row))
            for row in range(rows)
        })  # fmt: skip
        stepper.run(slots, Shape(rows, 2), 4)
        started = time.monotonic()
        stepper.run(slots, Shape(rows, 2), steps)
        whole = (time.monotonic() - started) / steps * 1e3
        with profiling(activities=[ProfilerActivity.CUDA]) as seen:
            stepper.run(slots, Shape(rows, 2), steps)
    times = sorted(((event.self_device_time_total, event.count, event.key) for event in seen.key_averages()), reverse=True)
    top = [[round(total / steps / 1e3, 3), round(count / steps), key[:90]] for total, count, key in times[:24]]
    device, started_kernels = sum(total for total, _, _ in times) / steps / 1e3, sum(count for _, count, _ in times) / steps
    return {"ms_per_step": round(whole, 2), "device_ms": round(device, 2), "kernels": started_kernels, "top": top}


def main(wanted: list[str]) -> None:
    held: dict[str, tuple[Any, Paged]] = {}

    def model(size: str) -> tuple[Any, Paged]:
        if size not in held:
            held.clear()
            gc.collect()
            torch.cuda.empty_cache()
            ready = made(size)
            held[size] = ready, paged(ready)
        return held[size]

    alone: dict[str, Callable[[], dict[str, Any]]] = {
        "equal": equality, "kernel": kernels, "draw": drawing, "profile": lambda: profile(*model("1.5B")),
        "profile-1": lambda: profile(*model("1.5B"), 1),
        "mixed": lambda: mixed(*model("1.5B")),
        "mixed-little-memory": lambda: mixed(*model("1.5B"), rows=192, pages=60),
        "mixed-stops": lambda: mixed(*model("1.5B"), stopped=never_stops()),
        "mixed-forced": lambda: mixed(*model("1.5B"), forcing=FORCED),
        "robbed": lambda: robbed(*model("1.5B")), "killed": killed,
        "1.5B-generate": lambda: generated(made("1.5B")),
    }  # fmt: skip
    parts = alone | {name: lambda case=case: measure(*model(case.size), case) for name, case in CASES.items()}
    for name in wanted or list(parts):
        started = time.monotonic()
        try:
            found = parts[name]()
        except Exception:  # the others are still to be measured
            traceback.print_exc()
            found = {"failed": traceback.format_exc(limit=-1)[-300:]}
        print(json.dumps({"part": name, "took": round(time.monotonic() - started, 1), **found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
