"""Batched decoding with a key-value cache: lean enough for models of half a million parameters, general enough for any causal LM.

Runs in the generating process only (imports torch).
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, LinearAttentionLayer

from o1exp.chat.local import generated
from o1exp.chat.local.draw import NO_NUMBER, choose
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules, NoNumber, Row


class Way(Enum):
    """How rows of a model may be decoded together; `ways.way_of` finds out which is right for it."""

    PADDED = "rows of any lengths, padded at the left"
    ALIKE = "rows of equal lengths, by transformers' generate()"
    ALONE = "one row after the other, by transformers' generate()"


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
    cache = DynamicCache(config=model.config.get_text_config(decoder=True))
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def cache_cost(model: Any) -> tuple[int, int]:
    """Cache bytes that each token of a row takes, and that the row takes however long it is (recurrent states), as the model fills it."""
    batch = Batch(model, [Row(DecodeRequest(prompt=(0,), limit=1, noise=torch.zeros(1)), Decoded([]))])
    attended = [layer for layer in batch.cache.layers if isinstance(layer, DynamicLayer) and layer.is_initialized]
    recurrent = [layer for layer in batch.cache.layers if isinstance(layer, LinearAttentionLayer)]
    states = [state for layer in recurrent for held in (layer.conv_states, layer.recurrent_states) for state in held.values()]
    token = sum(layer.keys.nbytes + layer.values.nbytes for layer in attended)
    return token, sum(state.nbytes for state in states if state is not None)


def decode(
    model: Any, requests: Sequence[DecodeRequest], rules: DecodeRules, on_step: Callable[[int, int], None], way: Way = Way.PADDED
) -> list[Decoded]:  # fmt: skip
    """Continue all requests together; gives what each one got, in their order. `on_step(new tokens, rows finished)`.

    Errors: NoNumber where the model's logits are none.
    """
    written = [Decoded([], full=request.limit == 0) for request in requests]
    rows = [Row(request, got) for request, got in zip(requests, written, strict=True)]

    def step(new: int) -> None:
        on_step(new, sum(row.done for row in written))

    with torch.inference_mode():
        while left := [row for row in rows if not row.written.done]:
            for row in left:
                row.written.stale = False
            for group in _groups(left, way):
                (write if way is Way.PADDED else generated.write)(model, group, rules, step)
    return written


def _groups(rows: list[Row], way: Way) -> Iterable[list[Row]]:
    """The rows that may be decoded together."""
    if way is Way.PADDED:
        return [rows]
    if way is Way.ALONE:
        return [[row] for row in rows]
    return (list(group) for _, group in groupby(sorted(rows, key=lambda row: len(row.text)), key=lambda row: len(row.text)))


def write(model: Any, rows: Sequence[Row], rules: DecodeRules, step: Callable[[int], None]) -> None:
    """Continue rows until each has ended, or must be read anew. Equal texts are read once.

    Rows that rest leave the batch when a quarter of it does.
    """
    batch = Batch(model, rows)
    while True:
        chosen = choose(batch.logits, batch.noise(), rules.temperature, rules.top_p)
        drawn = chosen.tolist()
        going = [at for at, row in enumerate(batch.rows) if not row.rests]
        for at in going:
            if drawn[at] == NO_NUMBER:
                raise NoNumber
            drawn[at] = batch.rows[at].write(drawn[at], rules)
        step(len(going))
        going = [at for at in going if not batch.rows[at].rests]
        if not going:
            return
        if rules.forcing is not None:
            chosen = torch.tensor(drawn, device=chosen.device)
        batch.read(chosen, going)


class Batch:
    """The rows under way: their cache, the logits of their next token, and which columns of the left-padded batch are theirs."""

    def __init__(self, model: Any, rows: Sequence[Row]) -> None:
        self._model, self.cache = model, growing_cache(model)
        self._taken = inspect.signature(model.forward).parameters
        self._kept_as = "cache_params" if "cache_params" in self._taken else "past_key_values"
        self.rows = list(rows)
        self._noise = torch.nn.utils.rnn.pad_sequence([row.request.noise for row in rows], batch_first=True)
        self._places = list(range(len(rows)))
        wanted = [row.text for row in rows]
        texts = sorted(set(wanted))
        self._length = max(map(len, texts))
        blanks = [self._length - len(text) for text in texts]
        ids = self._tensor([[0] * blank + list(text) for blank, text in zip(blanks, texts, strict=True)])
        self._blank = self._tensor(blanks)[:, None]
        self.logits = self._forward(ids)
        place = {text: number for number, text in enumerate(texts)}
        self._keep([place[text] for text in wanted])

    def noise(self) -> Tensor:
        """The numbers to draw this step's tokens with; a row that rests may have none left and gets any."""
        last = self._noise.shape[1] - 1
        made = [min(row.written.tokens, last) for row in self.rows]
        return self._noise[self._places, made].to(self._model.device)

    def read(self, chosen: Tensor, going: list[int]) -> None:
        """Read the chosen tokens. Places outside `going` are no longer needed; they are dropped if that pays for copying the cache."""
        if len(going) <= 0.75 * len(self.rows):
            chosen = chosen[self._tensor(going)]
            self.rows = [self.rows[place] for place in going]
            self._places = [self._places[place] for place in going]
            self._keep(going)
        self._length += 1
        self.logits = self._forward(chosen[:, None])

    def _forward(self, ids: Tensor) -> Tensor:
        columns = torch.arange(self._length, device=ids.device)
        mask = (columns >= self._blank).long()
        positions = (columns[-ids.shape[1] :] - self._blank).clamp(min=0)
        # Some architectures find positions in the mask, or always give all logits.
        also = {"position_ids": positions, "logits_to_keep": 1}
        asked = {name: value for name, value in also.items() if name in self._taken}
        out = self._model(ids, attention_mask=mask, use_cache=True, **{self._kept_as: self.cache}, **asked)
        last: Tensor = out.logits[:, -1]
        return last

    def _keep(self, places: list[int]) -> None:
        index = self._tensor(places)
        self.cache.reorder_cache(index)
        self.logits, self._blank = self.logits[index], self._blank[index]

    def _tensor(self, numbers: Any) -> Tensor:
        return torch.tensor(numbers, device=self._model.device)
