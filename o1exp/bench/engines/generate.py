"""The embedded engine's process, `python -m o1exp.bench.engines.generate SPEC.json`: answers every prompt.

On a CPU chunk by chunk: chunks depend on prompts and settings alone, and each row draws with random numbers of its own, so a process that
was killed goes on with the next chunk and ends with the same bytes. On a GPU in pages (`paged`), row by row: it goes on with the rows that
are missing. Reports {"rows": finished, "tokens": written, "of": all rows}, and {"facts": ...} for the manifest.
"""

from o1exp.flow.process import die_with_parent, report

if __name__ == "__main__":
    die_with_parent()

import dataclasses
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from o1exp.bench.engines.count import positions
from o1exp.bench.engines.decode import Decoded, DecodeRequest, DecodeRules, Forcing, bytes_per_token, decode
from o1exp.bench.engines.paged.answer import Asked, answer
from o1exp.bench.engines.paged.attention import NotPaged
from o1exp.bench.engines.paged.fit import Paged, paged
from o1exp.bench.engines.paged.rows import Told
from o1exp.bench.engines.spec import ROWS, Continuation, GenerateSpec, parse_row, read_rows
from o1exp.bench.sampling import Sampling

CACHE_BYTES = 2**30
"""Most memory for the cache of one chunk on a CPU."""
MOST_ROWS = 128
"""More rows in a chunk are no faster on a CPU, and a killed run loses more."""


def main(spec: GenerateSpec) -> None:
    torch.set_num_threads(spec.threads)
    sampling = spec.sampling
    model, tokenizer = load(spec)
    prompts = [encode(tokenizer, sampling.system, prompt) for prompt in spec.prompts]
    ends, stopped = end_tokens(model, tokenizer), stop_finder(tokenizer, sampling.stop)
    forced = forcing(tokenizer, sampling)
    rules = DecodeRules(temperature=sampling.temperature, top_p=sampling.top_p, ends=ends, stopped=stopped, forcing=forced)
    task = Task(spec, model, tokenizer, prompts, rules, Progress(len(prompts) * sampling.samples))
    ready = prepared(model) if spec.device == "cuda" else None
    write(Path(spec.out) / ROWS, read_rows(in_chunks(task) if ready is None else row_by_row(task, ready)))


@dataclass(frozen=True)
class Task:
    """All that the two ways to answer share."""

    spec: GenerateSpec
    model: Any
    tokenizer: Any
    prompts: list[tuple[int, ...]]
    rules: DecodeRules
    progress: "Progress"

    def request(self, row: int) -> DecodeRequest:
        return request(self.spec, self.prompts[row // self.spec.sampling.samples], row, self.window)

    def finish(self, row: int, written: Decoded) -> Continuation:
        return finish(self.tokenizer, self.spec.sampling, row, written)

    @property
    def window(self) -> int:
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize


def in_chunks(task: Task) -> Path:
    """Answer chunk by chunk, a file each; gives their folder."""
    spec, progress = task.spec, task.progress
    plan = chunks(spec.sampling, [len(prompt) for prompt in task.prompts], bytes_per_token(task.model), cache_bytes(spec.device))
    folder = chunk_folder(spec, plan)
    for number, rows in enumerate(plan):
        path = folder / f"{number:05}.jsonl"
        if not path.exists():
            answered = decode(task.model, [task.request(row) for row in rows], task.rules, progress.step)
            write(path, [task.finish(row, written) for row, written in zip(rows, answered, strict=True)])
        progress.chunk_done(len(rows))
    return folder


def prepared(model: Any) -> Paged | None:
    """The model ready to be decoded in pages; None, with a word in the log, for one that cannot be."""
    try:
        return paged(model)
    except NotPaged as why:
        print(f"decoded in chunks, without pages and captured steps: {why}", file=sys.stderr)
        return None


def row_by_row(task: Task, ready: Paged) -> Path:
    """Answer in pages; every row is on disk as soon as it has ended. Gives the folder of the file."""
    spec, lengths = task.spec, [len(prompt) for prompt in task.prompts]
    folder = Path(spec.out) / spec.device
    folder.mkdir(parents=True, exist_ok=True)
    had = {found.row for found in recovered(folder / ROWS)}
    task.progress.chunk_done(len(had))
    left = [row for row in range(len(lengths) * spec.sampling.samples) if row not in had]
    longest = max((min(length + spec.sampling.max_tokens, max(length, task.window)) for length in lengths), default=0)
    longest_answer = min(spec.sampling.max_tokens, task.window)
    asked = Asked(
        rows=left, ask=task.request, rules=task.rules, longest=(longest, longest_answer), slots=spec.sampling.batch_size
    )  # fmt: skip

    def keep(ended: list[tuple[int, Decoded]]) -> None:
        append(folder / ROWS, [task.finish(row, written) for row, written in ended])
        task.progress.chunk_done(len(ended))

    spent = answer(task.model, ready, asked, Told(keep, task.progress.wrote))
    task.progress.note(attention_kernel=ready.kernel, **spent.rates())
    return folder


def load(spec: GenerateSpec) -> tuple[Any, Any]:
    """Model and tokenizer: fp32 on CPU, its own precision spread over the GPUs. Weights only as safetensors, never code from the folder."""
    revision = spec.revision or None
    tokenizer = AutoTokenizer.from_pretrained(spec.model, revision=revision, trust_remote_code=False)
    dtype, places = (torch.float32, None) if spec.device == "cpu" else ("auto", "auto")
    model = AutoModelForCausalLM.from_pretrained(
        spec.model,
        revision=revision,
        dtype=dtype,
        device_map=places,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="sdpa",
    )
    return model.eval(), tokenizer


def encode(tokenizer: Any, system: str, prompt: str) -> tuple[int, ...]:
    """The ids the model continues: through the chat template, or the plain text where the tokenizer has none."""
    if tokenizer.chat_template is None:
        return tuple(tokenizer(f"{system}\n\n{prompt}" if system else prompt)["input_ids"])
    messages = [{"role": "system", "content": system}] if system else []
    text = tokenizer.apply_chat_template([*messages, {"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False)
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer, as the model's generation settings and its tokenizer name them."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)


def stop_finder(tokenizer: Any, stops: tuple[str, ...]) -> Callable[[list[int], int], bool]:
    """Does a stop string end within the last so many tokens? Those and a few before suffice: each one is at least a byte of the text."""
    if not stops:
        return lambda ids, new: False
    reach = max(len(stop.encode()) for stop in stops) + 3

    def stopped(ids: list[int], new: int) -> bool:
        tail = tokenizer.decode(ids[-reach - new :], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return any(stop in tail for stop in stops)

    return stopped


def forcing(tokenizer: Any, sampling: Sampling) -> Forcing | None:
    """Errors: ValueError where the end of a thought is several tokens, so that it could not be taken back once begun."""
    if not sampling.forces_thinking:
        return None
    end, answer, wait = (
        tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (sampling.think_end, sampling.force_answer, sampling.wait)
    )
    if sampling.min_thinking_tokens and len(end) > 1:
        raise ValueError(
            f"min_thinking_tokens: {sampling.think_end!r} is {len(end)} tokens for this tokenizer and cannot be held back; "
            'use think_end="" to hold back the end of the text instead, or max_thinking_tokens alone'
        )
    return Forcing(end=end, answer=answer, wait=wait, least=sampling.min_thinking_tokens, most=sampling.max_thinking_tokens)


def request(spec: GenerateSpec, prompt: tuple[int, ...], row: int, window: int) -> DecodeRequest:
    """A row's request; its random numbers depend on seed, problem and draw only, so other rows and settings leave them alone."""
    sampling = spec.sampling
    limit = max(0, min(sampling.max_tokens, window - len(prompt)))
    name = f"{sampling.seed}/{spec.ids[row // sampling.samples]}/{row % sampling.samples}"
    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1)
    return DecodeRequest(prompt=prompt, limit=limit, noise=torch.rand(limit, generator=generator))


def cache_bytes(device: str) -> int:
    """Most memory for the cache of one chunk."""
    return CACHE_BYTES if device == "cpu" else max(CACHE_BYTES, torch.cuda.mem_get_info()[0] // 2)


def chunks(sampling: Sampling, lengths: list[int], cost: int, memory: int) -> list[list[int]]:
    """Rows decoded together: neighbours by prompt length, as many as `memory` holds at their full length (`cost` bytes per token)."""
    order = sorted(range(len(lengths) * sampling.samples), key=lambda row: (-lengths[row // sampling.samples], row))
    plan: list[list[int]] = []
    for row in order:
        longest = lengths[(plan[-1][0] if plan else row) // sampling.samples] + sampling.max_tokens
        most = sampling.batch_size or max(1, min(MOST_ROWS, memory // (longest * cost)))
        if plan and len(plan[-1]) < most:
            plan[-1].append(row)
        else:
            plan.append([row])
    return plan


def chunk_folder(spec: GenerateSpec, plan: list[list[int]]) -> Path:
    """A folder for this plan alone: chunks of another batch size are not mixed in."""
    name = hashlib.sha256(json.dumps([plan, spec.device]).encode()).hexdigest()[:12]
    folder = Path(spec.out) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def finish(tokenizer: Any, sampling: Sampling, row: int, written: Decoded) -> Continuation:
    """The text as a server would send it: without special tokens and cut before a stop string."""
    text = tokenizer.decode(written.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    cuts = [place for stop in sampling.stop if (place := text.find(stop)) >= 0]
    text, reason = text[: min(cuts)] if cuts else text, "stop" if written.ended else "length"
    marks, thinking = positions(lambda count: _decoded(tokenizer, written.ids[:count]), text, written.tokens, sampling.think_end)
    return Continuation(row=row, text=text, tokens=written.tokens, finish_reason=reason, thinking=thinking, marks=marks)


def _decoded(tokenizer: Any, ids: list[int]) -> str:
    written: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return written


def append(path: Path, results: list[Continuation]) -> None:
    with path.open("a") as out:
        out.writelines(_line(result) for result in results)
        out.flush()
        os.fsync(out.fileno())


def recovered(path: Path) -> list[Continuation]:
    """The rows that a killed process appended; a line that it did not finish is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    return [parse_row(line) for line in whole.decode().split("\n") if line]


def _line(result: Continuation) -> str:
    return json.dumps(dataclasses.asdict(result), ensure_ascii=False) + "\n"


def write(path: Path, results: list[Continuation]) -> None:
    partial = path.with_suffix(".part")
    with partial.open("w") as out:
        out.writelines(map(_line, results))
        out.flush()
        os.fsync(out.fileno())
    partial.rename(path)


class Progress:
    """Counts rows and tokens, and tells the parent about twice a second."""

    def __init__(self, rows: int) -> None:
        self._all, self._finished, self._now, self._tokens, self._told = rows, 0, 0, 0, 0.0

    def step(self, tokens: int, finished: int) -> None:
        self._tokens, self._now = self._tokens + tokens, finished
        if time.monotonic() - self._told > 0.5:
            self._tell()

    def chunk_done(self, rows: int) -> None:
        self._finished, self._now = self._finished + rows, 0
        self._tell()

    def wrote(self, tokens: int) -> None:
        self.step(tokens, 0)

    def note(self, **facts: float | str) -> None:
        """Facts for the stage's manifest."""
        report({"facts": facts})

    def _tell(self) -> None:
        self._told = time.monotonic()
        report({"rows": self._finished + self._now, "tokens": self._tokens, "of": self._all})


if __name__ == "__main__":
    main(GenerateSpec.load(Path(sys.argv[1])))
