"""Rows come and go while others are written: whoever ends makes room for the next at once.

A row takes pages as it grows. Where none is left, the shortest row goes back into the queue with what it has, and is read anew later.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from o1exp.bench.engines.decode import Decoded, DecodeRequest, DecodeRules
from o1exp.bench.engines.paged.slots import NOTHING, Entry, Slots
from o1exp.bench.engines.paged.step import Shape, Stepper

STEPS = 16
"""Steps between two looks of the host; what a row writes past its end meanwhile is thrown away."""
READ_TOKENS = 8192
"""Tokens of prompts that are read together."""
PART = 1024
"""Tokens of the longest row that one program of the attention kernel reads, before more of them share it."""
PROGRAMS = 256
"""Programs that keep a GPU busy."""
MOST_SPLITS = 32


@dataclass
class Row:
    """A row on its way: what is asked, what it has, its pages."""

    number: int
    request: DecodeRequest
    written: Decoded
    pages: list[int] = field(default_factory=list)

    @property
    def text(self) -> tuple[int, ...]:
        return (*self.request.prompt, *self.written.ids)

    @property
    def size(self) -> int:
        return len(self.request.prompt) + len(self.written.ids)


@dataclass(frozen=True)
class Told:
    """Who is told of rows that have ended, by number, and who of how many new tokens."""

    ended: Callable[[list[tuple[int, Decoded]]], None]
    wrote: Callable[[int], None]


class Server:
    """Serves rows with one stepper; `slots` rows at most at a time."""

    def __init__(self, stepper: Stepper, rules: DecodeRules, slots: int, longest: tuple[int, int], told: Told) -> None:
        """`longest`: tokens of a whole text, and of an answer alone."""
        self._stepper, self._rules, self._told = stepper, rules, told
        self._calm = replace(rules, stopped=lambda ids, new: False)
        page = stepper.pool.page
        self._slots = Slots(slots, -(-longest[0] // page) + 1, max(1, longest[1]), stepper.device)
        self._rows: dict[int, Row] = {}
        self._free = deque(range(1, stepper.pool.pages))
        self._empty = list(range(slots))
        self._waiting: deque[int | Row] = deque()
        self._likely = rules.temperature > 0 and rules.top_p < 1
        self._exact = 0  # blocks still to be drawn exactly for every row
        self._spent = stepper.spent

    def serve(self, rows: Sequence[int], ask: Callable[[int], DecodeRequest], begun: dict[int, Decoded]) -> None:
        """Answer these rows; `begun` holds what each has written, before and meanwhile. Errors: torch.OutOfMemoryError."""
        self._waiting.extend(rows)
        with torch.inference_mode():
            while self._waiting or self._rows:
                if self._refilling():
                    self._admit(ask, begun)
                if self._rows:
                    self._write()

    def _refilling(self) -> bool:
        """Reading prompts stops the others, so several are read together."""
        return len(self._empty) >= min(len(self._waiting), max(1, self._slots.count // 16)) > 0

    def _admit(self, ask: Callable[[int], DecodeRequest], begun: dict[int, Decoded]) -> None:
        while self._waiting and self._empty:
            batch, tokens = list[Row](), 0
            while self._waiting and len(batch) < len(self._empty):
                row = self._next(ask, begun)
                size = row.size
                short = not self._fits(size, len(self._rows) + len(batch)) and (self._rows or batch)
                if short or (batch and tokens + size > READ_TOKENS):
                    self._waiting.appendleft(row)
                    break
                if row.request.limit == 0:
                    self._told.ended([(row.number, Decoded([], full=True))])
                    continue
                row.pages.extend(self._free.popleft() for _ in range(self._pages(size)))
                batch.append(row)
                tokens += size
            if not batch:
                return
            self._read(batch)

    def _next(self, ask: Callable[[int], DecodeRequest], begun: dict[int, Decoded]) -> Row:
        found = self._waiting.popleft()
        return found if isinstance(found, Row) else Row(found, ask(found), begun.setdefault(found, Decoded([])))

    def _fits(self, tokens: int, others: int) -> bool:
        """Is there room for a text and for a page more of every row?"""
        return self._pages(tokens) + others + 1 <= len(self._free)

    def _pages(self, tokens: int) -> int:
        return -(-tokens // self._stepper.pool.page)

    def _read(self, batch: list[Row]) -> None:
        started, texts = time.monotonic(), [row.text for row in batch]
        noise = [float(row.request.noise[row.written.tokens]) for row in batch]
        drawn = self._stepper.read(texts, [row.pages for row in batch], noise)
        self._spent.read += sum(map(len, texts))
        entries: dict[int, Entry] = {}
        ended = []
        for row, text, token in zip(batch, texts, drawn, strict=True):
            token = self._take(row, [token])
            if row.written.done:
                ended.append(row)
                continue
            slot = heapq.heappop(self._empty)
            self._rows[slot] = row
            entries[slot] = Entry(
                token=token, position=len(text), made=row.written.tokens, limit=row.request.limit, noise=row.request.noise, pages=row.pages
            )
        if entries:
            self._slots.fill(entries)
        self._told.wrote(len(batch))
        self._end(ended)
        self._spent.read_seconds += time.monotonic() - started

    def _take(self, row: Row, drawn: list[int]) -> int:
        """Let the row write these tokens, or what budget forcing puts in their place, up to its end; gives the last one."""
        rules = self._rules if len(drawn) < 2 or self._stops_within(row.written.ids, drawn) else self._calm
        token = NOTHING
        for token in drawn:
            if rules.forcing is not None:
                token = row.written.steer(token, rules)
            row.written.add(token, rules, row.request.limit)
            if row.written.done:
                break
        return token

    def _stops_within(self, ids: list[int], drawn: list[int]) -> bool:
        """Would a stop string end within these tokens? One look at all of them is cheaper than one at each."""
        ids.extend(drawn)
        found = self._rules.stopped(ids, len(drawn))
        del ids[-len(drawn) :]
        return found

    def _end(self, rows: list[Row]) -> None:
        for row in rows:
            self._free.extend(row.pages)
            row.pages.clear()
        if rows:
            self._told.ended([(row.number, row.written) for row in rows])

    def _write(self) -> None:
        """One block of steps."""
        started = time.monotonic()
        left = max(row.request.limit - row.written.tokens for row in self._rows.values())
        steps = 1 if self._rules.forcing is not None else min(STEPS, left)
        self._grow(steps)
        rows = self._narrow()
        splits = self._splits(rows, max(row.size for row in self._rows.values()) + steps)
        exact = self._exact > 0 or not self._likely
        block = self._stepper.run(self._slots, Shape(rows, splits, exact), steps)
        self._exact = max(0, self._exact - 1)
        made, ended, corrected, held_up = 0, [], dict[int, int](), 0
        for slot, row in self._rows.items():
            drawn = [shown[slot] for shown in block if shown[slot] != NOTHING]
            before = row.written.tokens
            token = self._take(row, drawn)
            made += row.written.tokens - before
            if row.written.done:
                ended.append(slot)
                continue
            held_up += steps - len(drawn)
            if drawn and token != drawn[-1]:
                corrected[slot] = token
        if corrected:
            self._slots.correct(corrected)
        if held_up:
            # One exact block helps rows whose nucleus is large for once; where that is common, exact ones are the cheaper way.
            self._exact = 1 if held_up < steps * len(self._rows) // 20 else 8
        self._told.wrote(made)
        self._leave(ended)
        self._spent.wrote += made
        self._spent.write_seconds += time.monotonic() - started

    def _leave(self, slots: list[int]) -> None:
        if slots:
            self._slots.clear(slots)
            self._end([self._rows[slot] for slot in slots])
            for slot in slots:
                del self._rows[slot]
                heapq.heappush(self._empty, slot)

    def _grow(self, steps: int) -> None:
        """Give every row the pages that its next tokens will fill."""
        added: list[tuple[int, int, int]] = []
        for slot, row in sorted(self._rows.items(), key=lambda pair: -pair[1].size):
            if slot not in self._rows:
                continue
            whole = len(row.request.prompt) + row.request.limit
            needed = self._pages(min(row.size + steps, whole))
            while len(row.pages) < needed:
                if not self._free:
                    self._put_back()
                    if slot not in self._rows:
                        break
                    continue
                added.append((slot, len(row.pages), self._free.popleft()))
                row.pages.append(added[-1][2])
        if added := [one for one in added if one[0] in self._rows]:
            self._slots.add_pages(added)

    def _put_back(self) -> None:
        """The shortest row waits until there is room again."""
        slot = min(self._rows, key=lambda slot: self._rows[slot].size)
        assert len(self._rows) > 1, "the pool holds at least one whole text"
        row = self._rows.pop(slot)
        self._slots.clear([slot])
        self._free.extend(row.pages)
        row.pages.clear()
        heapq.heappush(self._empty, slot)
        self._waiting.appendleft(row)

    def _narrow(self) -> int:
        """How many slots take part in the next steps: where a quarter of them would do, the others are left out."""
        rows = self._slots.count
        while len(self._rows) <= (rows + 3) // 4 and rows > 1:
            rows = (rows + 3) // 4
        if rows < self._slots.count and max(self._rows) >= rows:
            order = sorted(self._rows)
            self._slots.move(order)
            self._rows = {place: self._rows[slot] for place, slot in enumerate(order)}
            self._empty = list(range(len(order), self._slots.count))
        return rows

    def _splits(self, rows: int, longest: int) -> int:
        """In how many parts the kernel reads rows: enough to use the whole GPU, and that the longest row does not hold up the others."""
        wanted = max(-(-longest // PART), min(-(-longest // 128), -(-PROGRAMS // (rows * self._stepper.pool.keys[0].shape[1]))))
        splits = 1
        while splits < min(wanted, MOST_SPLITS):
            splits *= 2
        return splits
