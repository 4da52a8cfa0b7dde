"""One step of all rows: read the newest tokens, draw the next ones. On a GPU it is captured once as a CUDA graph and then only replayed.

A model of 28 layers is over a thousand kernels, which the host starts more slowly than a GPU runs them; a graph is one start.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from o1exp.bench.engines.paged.attention import Attend, Pool, Prompts, Steps
from o1exp.bench.engines.paged.draw import choose_likely
from o1exp.bench.engines.paged.slots import Slots
from o1exp.chat.local.draw import choose
from o1exp.chat.local.rows import DecodeRules


@dataclass
class Spent:
    """Where time went: tokens and seconds of reading prompts and of writing answers; of the latter, seconds until a step was captured."""

    read: int = 0
    read_seconds: float = 0.0
    wrote: int = 0
    write_seconds: float = 0.0
    capture_seconds: float = 0.0

    def rates(self) -> dict[str, float]:
        """Tokens per second of either, for what was done at all."""
        done = {"read": (self.read, self.read_seconds), "written": (self.wrote, self.write_seconds)}
        return {f"tokens_{name}_per_second": round(tokens / seconds, 1) for name, (tokens, seconds) in done.items() if tokens}


@dataclass(frozen=True)
class Shape:
    """What a step is captured for: the first `rows` slots, texts read in so many parts, and drawing that is `exact` for every row."""

    rows: int
    splits: int
    exact: bool = True


class Stepper:
    """The model over one pool and its slots. Steps are captured where it is a GPU's."""

    def __init__(self, model: Any, pool: Pool, rules: DecodeRules, attend: Attend, spent: Spent) -> None:
        self._model, self.pool, self._rules, self._attend = model, pool, rules, attend
        self.spent, self._capture = spent, model.device.type == "cuda"
        self._graphs: dict[Shape, torch.cuda.CUDAGraph] = {}
        self._memory: Any = None
        self._ends = torch.tensor(sorted(rules.ends), dtype=torch.long, device=model.device)

    def read(self, texts: Sequence[Sequence[int]], pages: Sequence[Sequence[int]], noise: Sequence[float]) -> list[int]:
        """Read whole texts into their pages and draw the next token of each."""
        lengths = [len(text) for text in texts]
        ids, positions, bounds = torch.tensor([token for text in texts for token in text]), [torch.arange(size) for size in lengths], [0]
        for size in lengths:
            bounds.append(bounds[-1] + size)
        page = self.pool.page
        places = [torch.tensor(mine)[own // page] * page + own % page for own, mine in zip(positions, pages, strict=True)]
        device = self._model.device
        run = Prompts(self.pool, torch.cat(places).to(device), lengths, torch.tensor(bounds, dtype=torch.int32, device=device))
        last = torch.tensor(bounds[1:], device=device) - 1
        logits = self._forward(ids.to(device)[None], torch.cat(positions).to(device)[None], run, last)[0]
        chosen: list[int] = choose(logits, torch.tensor(noise, device=device), self._rules.temperature, self._rules.top_p).tolist()
        return chosen

    @property
    def device(self) -> torch.device:
        device: torch.device = self._model.device
        return device

    def run(self, slots: Slots, shape: Shape, steps: int) -> list[list[int]]:
        """So many steps, without waiting for the device in between: the tokens of each step, slot by slot."""
        shown = torch.empty(steps, shape.rows, dtype=torch.long, device=slots.device)
        for number in range(steps):
            self._one(slots, shape)
            shown[number] = slots.shown[: shape.rows]
        written: list[list[int]] = shown.tolist()
        return written

    def _one(self, slots: Slots, shape: Shape) -> None:
        graph = self._graphs.get(shape)
        if graph is not None:
            graph.replay()
            return
        started = time.monotonic()
        self._step(slots, shape)
        if self._capture:
            self._record(slots, shape)
            self.spent.capture_seconds += time.monotonic() - started

    def _record(self, slots: Slots, shape: Shape) -> None:
        """Capture a step, which runs nothing; the same step was run before, so that every kernel is loaded."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._memory):
                self._step(slots, shape)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as wrong:
            self._capture = False
            print(f"steps are not captured, so the host's speed limits them: {str(wrong).splitlines()[0]}", file=sys.stderr)
            return
        self._memory = graph.pool()
        self._graphs[shape] = graph

    def _step(self, slots: Slots, shape: Shape) -> None:
        rows, how = shape.rows, (self._rules.temperature, self._rules.top_p)
        positions, noise = slots.position[:rows], slots.drawn(rows)
        run = Steps.at(self.pool, slots.table[:rows], positions, (shape.splits, self._attend))
        logits = self._forward(slots.token[:rows, None], positions[:, None], run, 1)[:, -1]
        chosen, sure = (choose(logits, noise, *how), None) if shape.exact else choose_likely(logits, noise, *how)
        slots.take(chosen, sure, self._ends)

    def _forward(self, ids: Tensor, positions: Tensor, run: Prompts | Steps, keep: int | Tensor) -> Tensor:
        """Logits [batch, kept, vocabulary]."""
        found: Tensor = self._model(ids, position_ids=positions, use_cache=False, logits_to_keep=keep, paged=run).logits
        return found
