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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from o1exp.bench.engines.count import positions
from o1exp.bench.engines.decode import Way, cache_cost, decode
from o1exp.bench.engines.paged.answer import Asked, answer
from o1exp.bench.engines.paged.attention import NotPaged
from o1exp.bench.engines.paged.fit import Paged, paged
from o1exp.bench.engines.paged.rows import Told
from o1exp.bench.engines.spec import ROWS, Continuation, GenerateSpec, parse_row, read_rows
from o1exp.bench.engines.ways import way_of
from o1exp.bench.finish import LENGTH, NO_ROOM
from o1exp.bench.sampling import Sampling
from o1exp.chat.local.load import load_model
from o1exp.chat.local.plain import only_logits
from o1exp.chat.local.prompt import Prompt, Prompts
from o1exp.chat.local.rows import CannotSample, Decoded, DecodeRequest, DecodeRules
from o1exp.chat.local.spell import Spelling, end_tokens, forcing, kept
from o1exp.chat.local.window import window

CACHE_BYTES = 2**30
"""Most memory for the cache of one chunk on a CPU."""
STATE_TOKENS = 64
"""A recurrent state takes about as much as keys and values of so many tokens, or less."""
MOST_ROWS = 128
"""More rows in a chunk are no faster on a CPU, and a killed run loses more."""


def main(spec: GenerateSpec) -> None:
    """Answer everything. Errors: CannotSample, which names the model."""
    torch.set_num_threads(spec.threads)
    try:
        answer_all(spec)
    except CannotSample as why:
        raise CannotSample(f"{spec.model}: {why}") from why


def answer_all(spec: GenerateSpec) -> None:
    sampling = spec.sampling
    model, tokenizer = load(spec)
    spelling = Spelling(tokenizer, kept(sampling.think_end, sampling.stop))
    writer = Prompts(tokenizer, sampling.think_end)
    prompts = [writer.of(prompt, sampling.system) for prompt in spec.prompts]
    rules = rules_of(model, tokenizer, spelling, sampling)
    task = Task(spec, model, spelling, prompts, rules, Progress(len(prompts) * sampling.samples), window(model))
    task.check_room()
    with only_logits(model):
        ready = prepared(model, task.longest) if spec.device == "cuda" else None
        write(Path(spec.out) / ROWS, read_rows(in_chunks(task) if ready is None else row_by_row(task, ready)))


def rules_of(model: Any, tokenizer: Any, spelling: Spelling, sampling: Sampling) -> DecodeRules:
    """How the sampling's answers are drawn and where they end."""
    marks, budget = (sampling.think_end, sampling.force_answer, sampling.wait), (sampling.min_thinking_tokens, sampling.max_thinking_tokens)
    return DecodeRules(
        temperature=sampling.temperature, top_p=sampling.top_p, ends=end_tokens(model, tokenizer),
        stopped=spelling.stopped(sampling.stop), forcing=forcing(tokenizer, spelling, marks, budget),
    )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """All that the two ways to answer share."""

    spec: GenerateSpec
    model: Any
    spelling: Spelling
    prompts: list[Prompt]
    rules: DecodeRules
    progress: "Progress"
    window: int
    """Tokens of a text at most."""

    def request(self, row: int) -> DecodeRequest:
        return request(self.spec, self.prompt(row).ids, row, self.window)

    def finish(self, row: int, written: Decoded) -> Continuation:
        return finish(self.spelling, self.spec.sampling, (row, self.prompt(row).opened), written)

    def prompt(self, row: int) -> Prompt:
        return self.prompts[row // self.spec.sampling.samples]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each prompt."""
        return [len(prompt.ids) for prompt in self.prompts]

    @property
    def longest(self) -> int:
        """Tokens that a text may have, prompt and answer."""
        most = self.spec.sampling.max_tokens
        return max((min(length + most, max(length, self.window)) for length in self.lengths), default=0)

    def check_room(self) -> None:
        """Errors: CannotSample where no prompt leaves room for an answer, or one is empty."""
        if any(length == 0 for length in self.lengths):
            raise CannotSample("a prompt has no token at all; give the benchmark's sampling a prompt or a system text")
        if self.prompts and min(self.lengths) >= self.window:
            raise CannotSample(
                f"it takes texts of {self.window:,} tokens, and the shortest prompt has {min(self.lengths):,}; take a model with a longer "
                "window, or shorter prompts"
            )


def in_chunks(task: Task) -> Path:
    """Answer chunk by chunk, a file each; gives their folder."""
    spec, progress = task.spec, task.progress
    way = way_of(task.model, task.longest)
    progress.note(decoded=way.value)
    plan = chunks(spec.sampling, task.lengths, cost(task.model, way), cache_bytes(spec.device))
    folder = chunk_folder(spec, plan)
    for number, rows in enumerate(plan):
        path = folder / f"{number:05}.jsonl"
        if not path.exists():
            answered = decode(task.model, [task.request(row) for row in rows], task.rules, progress.step, way)
            write(path, [task.finish(row, written) for row, written in zip(rows, answered, strict=True)])
        progress.chunk_done(len(rows))
    return folder


def cost(model: Any, way: Way) -> tuple[int, int]:
    """Bytes of a token in the cache, and of a row; where a model keeps it in a way of its own, of keys and values of full width."""
    if way is Way.PADDED:
        return cache_cost(model)
    config = model.config.get_text_config()
    token = 2 * int(config.num_hidden_layers * config.hidden_size * model.dtype.itemsize)
    return token, STATE_TOKENS * token


def prepared(model: Any, longest: int) -> Paged | None:
    """The model ready to be decoded in pages; None, with a word in the log, for one that cannot be."""
    try:
        return paged(model, longest)
    except NotPaged as why:
        print(f"decoded in chunks, without pages and captured steps: {why}", file=sys.stderr)
        return None


def row_by_row(task: Task, ready: Paged) -> Path:
    """Answer in pages; every row is on disk as soon as it has ended. Gives the folder of the file."""
    spec, lengths = task.spec, task.lengths
    folder = Path(spec.out) / spec.device
    folder.mkdir(parents=True, exist_ok=True)
    had = {found.row for found in recovered(folder / ROWS)}
    task.progress.chunk_done(len(had))
    left = [row for row in range(len(lengths) * spec.sampling.samples) if row not in had]
    longest_answer = min(spec.sampling.max_tokens, task.window)
    asked = Asked(
        rows=left, ask=task.request, rules=task.rules, longest=(task.longest, longest_answer), slots=spec.sampling.batch_size
    )  # fmt: skip

    def keep(ended: list[tuple[int, Decoded]]) -> None:
        append(folder / ROWS, [task.finish(row, written) for row, written in ended])
        task.progress.chunk_done(len(ended))

    spent = answer(task.model, ready, asked, Told(keep, task.progress.wrote))
    task.progress.note(attention_kernel=ready.kernel, **spent.rates())
    return folder


def load(spec: GenerateSpec) -> tuple[Any, Any]:
    """Model and tokenizer: fp32 on CPU, its own precision spread over the GPUs."""
    revision = spec.revision or None
    tokenizer = AutoTokenizer.from_pretrained(spec.model, revision=revision, trust_remote_code=False)
    return load_model(spec.model, revision, on_cpu=spec.device == "cpu"), tokenizer


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


def chunks(sampling: Sampling, lengths: list[int], cost: tuple[int, int], memory: int) -> list[list[int]]:
    """Rows decoded together: neighbours by prompt length, as many as `memory` holds at their full length; `cost` in bytes as above."""
    token, whole = cost
    order = sorted(range(len(lengths) * sampling.samples), key=lambda row: (-lengths[row // sampling.samples], row))
    plan: list[list[int]] = []
    for row in order:
        longest = lengths[(plan[-1][0] if plan else row) // sampling.samples] + sampling.max_tokens
        most = sampling.batch_size or max(1, min(MOST_ROWS, memory // max(1, longest * token + whole)))
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


def finish(spelling: Spelling, sampling: Sampling, place: tuple[int, bool], written: Decoded) -> Continuation:
    """The text as a server would send it, cut before a stop string; `place`: the row, and whether its prompt has opened a thought."""
    row, opened = place
    text = spelling.text(written.ids)
    cuts = [at for stop in sampling.stop if (at := text.find(stop)) >= 0]
    text, reason = text[: min(cuts)] if cuts else text, "stop" if written.ended else LENGTH if written.tokens else NO_ROOM
    marks, thinking = positions(lambda count: spelling.text(written.ids[:count]), text, written.tokens, sampling.think_end, opened)
    return Continuation(row=row, text=text, tokens=written.tokens, finish_reason=reason, thinking=thinking, marks=marks)


def append(path: Path, results: list[Continuation]) -> None:
    with path.open("a", encoding="utf-8") as out:
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
    with partial.open("w", encoding="utf-8") as out:
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
    try:
        main(GenerateSpec.load(Path(sys.argv[1])))
    except CannotSample as refusal:
        report({"refused": str(refusal)})
        raise
