"""Batched decoding with a key-value cache: lean enough for models of half a million parameters, general enough for any causal LM.

Runs in the generating process only (imports torch).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer


@dataclass(frozen=True, kw_only=True)
class DecodeRequest:
    """One text to be continued: prompt ids, the most tokens it may get, and uniform numbers in [0, 1), one per token, to draw with."""

    prompt: tuple[int, ...]
    limit: int
    noise: Tensor


@dataclass(frozen=True, kw_only=True)
class Forcing:
    """Budget forcing (s1, arXiv 2501.19393): a thought of `most` tokens is ended by force, one shorter than `least` is told to go on.

    `end` are the ids of the mark that ends a thought; they and then `answer` are written at `most` (0: never). A model that would end
    its thought, or its text, before `least` tokens writes `wait` instead.
    """

    end: tuple[int, ...]
    answer: tuple[int, ...]
    wait: tuple[int, ...]
    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class DecodeRules:
    """How to choose and where to end. `stopped(ids, new)` looks for a stop string that was completed by one of the last `new` ids."""

    temperature: float
    top_p: float
    ends: frozenset[int]
    stopped: Callable[[list[int], int], bool]
    forcing: Forcing | None = None


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer in a buffer with room to grow; concatenation would copy all of them at every token."""

    room = 64

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self.buffers = self.keys, self.values
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if end > self.buffers[0].shape[2]:
            self.buffers = _grown(self.keys, end + self.room), _grown(self.values, end + self.room)
        for buffer, new in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = new
        self.keys, self.values = (buffer[:, :, :end] for buffer in self.buffers)
        return self.keys, self.values

    def reorder_cache(self, rows: Tensor) -> None:
        """Keep these rows of the batch; an index may occur more than once."""
        self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)
        self.buffers = self.keys, self.values


def _grown(filled: Tensor, length: int) -> Tensor:
    buffer = filled.new_empty(*filled.shape[:2], length, filled.shape[3])
    buffer[:, :, : filled.shape[2]] = filled
    return buffer


def growing_cache(model: Any) -> DynamicCache:
    """An empty cache for this model; layers of a special kind (sliding windows) stay as transformers makes them."""
    cache = DynamicCache(config=model.config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def bytes_per_token(model: Any) -> int:
    """Cache bytes that one token of one sequence takes, as the model itself fills a cache."""
    cache = growing_cache(model)
    with torch.inference_mode():
        model(torch.zeros(1, 1, dtype=torch.long, device=model.device), past_key_values=cache, use_cache=True)
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers if isinstance(layer, DynamicLayer))


def choose(logits: Tensor, noise: Tensor, temperature: float, top_p: float) -> Tensor:
    """One token per row of logits [rows, vocabulary], by inverting the cumulative distribution at noise [rows].

    Temperature 0 takes the likeliest token; `top_p` < 1 draws from the likeliest ones that together reach this chance.
    """
    if temperature == 0:
        return logits.argmax(-1)
    chances, names = torch.softmax(logits.float() / temperature, -1), None
    if top_p < 1:
        chances, names = chances.sort(dim=-1, descending=True, stable=True)
        before = chances.cumsum(-1) - chances
        chances = chances.masked_fill(before >= top_p, 0.0)
    heaped = chances.cumsum(-1)
    # Staying a little below the total keeps rounding from picking the last token, which may have no chance at all.
    aim = noise[:, None] * heaped[:, -1:] * (1 - 2**-22)
    place = torch.searchsorted(heaped, aim, right=True)
    return (place if names is None else names.gather(-1, place)).squeeze(-1)


@dataclass
class Decoded:
    """What one request got: ids without the end token, the number of tokens with it, and whether it ended by itself."""

    ids: list[int]
    tokens: int = 0
    ended: bool = False
    full: bool = False
    forced: deque[int] = field(default_factory=deque)
    """Tokens that are to be written whatever the model would choose."""
    answering: bool = False

    def steer(self, token: int, rules: DecodeRules) -> int:
        """The token to write where the model chose this one."""
        if self.forced:
            return self.forced.popleft()
        force = rules.forcing
        if force is None or self.answering:
            return token
        closes = bool(force.end) and (*self.ids[-len(force.end) :], token)[-len(force.end) :] == force.end
        if (closes or token in rules.ends) and self.tokens < force.least:
            self.forced.extend(force.wait)
        elif not closes and token not in rules.ends and force.most and self.tokens >= force.most:
            self.forced.extend((*force.end, *force.answer))
            closes = True
        self.answering = closes and not self.tokens < force.least
        return self.forced.popleft() if self.forced else token

    def add(self, token: int, rules: DecodeRules, limit: int) -> None:
        self.tokens += 1
        if token in rules.ends:
            self.ended = True
        else:
            self.ids.append(token)
            self.ended = rules.stopped(self.ids, 1)
        self.full = self.tokens >= limit

    @property
    def done(self) -> bool:
        return self.ended or self.full


def decode(model: Any, requests: Sequence[DecodeRequest], rules: DecodeRules, on_step: Callable[[int, int], None]) -> list[Decoded]:
    """Continue all requests together; gives what each one got, in their order. `on_step(new tokens, rows finished)`.

    Equal prompts are read once. Finished rows leave the batch when a quarter of it is done.
    """
    written = [Decoded([], full=request.limit == 0) for request in requests]
    with torch.inference_mode():
        batch = _Batch(model, requests) if any(not row.done for row in written) else None
        while batch is not None:
            chosen = choose(batch.logits, batch.noise(), rules.temperature, rules.top_p)
            if rules.forcing is not None:
                steered = [written[row].steer(token, rules) for row, token in zip(batch.rows, chosen.tolist(), strict=True)]
                chosen = torch.tensor(steered, device=chosen.device)
            going = [(row, token) for row, token in zip(batch.rows, chosen.tolist(), strict=True) if not written[row].done]
            for row, token in going:
                written[row].add(token, rules, requests[row].limit)
            on_step(len(going), sum(row.done for row in written))
            if all(row.done for row in written):
                break
            batch.read(chosen, [place for place, row in enumerate(batch.rows) if not written[row].done])
    return written


class _Batch:
    """The rows under way: their cache, the logits of their next token, and which columns of the left-padded batch are theirs."""

    def __init__(self, model: Any, requests: Sequence[DecodeRequest]) -> None:
        self._model, self._cache = model, growing_cache(model)
        self._noise = torch.nn.utils.rnn.pad_sequence([request.noise for request in requests])
        self.rows = list(range(len(requests)))
        prompts = sorted({request.prompt for request in requests})
        self._start = self._length = max(map(len, prompts))
        blanks = [self._start - len(prompt) for prompt in prompts]
        ids = self._tensor([[0] * blank + list(prompt) for blank, prompt in zip(blanks, prompts, strict=True)])
        self._blank = self._tensor(blanks)[:, None]
        self.logits = self._forward(ids)
        place = {prompt: number for number, prompt in enumerate(prompts)}
        self._keep([place[request.prompt] for request in requests])

    def noise(self) -> Tensor:
        """The numbers to draw this step's tokens with; a finished row may have none left and gets 0."""
        return self._noise[self._length - self._start, self.rows].to(self._model.device)

    def read(self, chosen: Tensor, going: list[int]) -> None:
        """Read the chosen tokens. Places outside `going` are no longer needed; they are dropped if that pays for copying the cache."""
        if len(going) <= 0.75 * len(self.rows):
            chosen = chosen[self._tensor(going)]
            self.rows = [self.rows[place] for place in going]
            self._keep(going)
        self._length += 1
        self.logits = self._forward(chosen[:, None])

    def _forward(self, ids: Tensor) -> Tensor:
        columns = torch.arange(self._length, device=ids.device)
        mask = columns >= self._blank
        positions = (columns[-ids.shape[1] :] - self._blank).clamp(min=0)
        out = self._model(ids, attention_mask=mask, position_ids=positions, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        last: Tensor = out.logits[:, -1]
        return last

    def _keep(self, places: list[int]) -> None:
        index = self._tensor(places)
        self._cache.reorder_cache(index)
        self.logits, self._blank = self.logits[index], self._blank[index]

    def _tensor(self, numbers: Any) -> Tensor:
        return torch.tensor(numbers, device=self._model.device)
