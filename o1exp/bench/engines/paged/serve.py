"""Rows come and go while others are written: whoever ends makes room for the next at once.

A row takes pages as it grows. Where none is left, the shortest row goes back into the queue with what it has, and is read anew later.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from o1exp.bench.engines.paged.rows import Pages, Row, Told
from o1exp.bench.engines.paged.slots import NOTHING, Entry, Slots
from o1exp.bench.engines.paged.step import Shape, Stepper
from o1exp.chat.local.draw import COLD, NO_NUMBER
from o1exp.chat.local.rows import Decoded, DecodeRequest, DecodeRules, NoNumber

STEPS = 16
"""Steps between two looks of the host; what a row writes past its end meanwhile is thrown away."""
READ_TOKENS = 8192
"""Tokens of prompts that are read together."""
PART = 1024
"""Tokens of the longest row that one program of the attention kernel reads, before more of them share it."""
PROGRAMS = 256
"""Programs that keep a GPU busy."""
MOST_SPLITS = 32


class Server:
    """Serves rows with one stepper; `slots` rows at most at a time."""

    def __init__(self, stepper: Stepper, rules: DecodeRules, slots: int, longest: tuple[int, int], told: Told) -> None:
        """`longest`: tokens of a whole text, and of an answer alone."""
        self._stepper, self._rules, self._told = stepper, rules, told
        self._calm = replace(rules, stopped=lambda ids, new: False)
        self._pages = Pages(stepper.pool.pages, stepper.pool.page)
        self._slots = Slots(slots, self._pages.needed(longest[0]) + 1, max(1, longest[1]), stepper.device)
        self._rows: dict[int, Row] = {}
        self._empty = list(range(slots))
        self._waiting: deque[int | Row] = deque()
        self._likely = rules.temperature >= COLD and rules.top_p < 1
        self._exact = 0  # blocks still to be drawn exactly for every row
        self._spent = stepper.spent

    def serve(self, rows: Sequence[int], ask: Callable[[int], DecodeRequest], begun: dict[int, Decoded]) -> None:
        """Answer these rows; `begun` holds what each has written, before and meanwhile.

        Errors: torch.OutOfMemoryError; NoNumber where the model's logits are none.
        """
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
        """Read the texts of as many waiting rows as there is room for."""
        while batch := self._batch(ask, begun):
            self._read(batch)

    def _batch(self, ask: Callable[[int], DecodeRequest], begun: dict[int, Decoded]) -> list[Row]:
        """The next rows whose texts are read together, with pages for them. A row finds room at least where it is alone."""
        batch, tokens = list[Row](), 0
        while self._waiting and len(batch) < len(self._empty):
            row = self._next(ask, begun)
            others = len(self._rows) + len(batch)
            if (others and not self._pages.fits(row, others)) or (batch and tokens + row.size > READ_TOKENS):
                self._waiting.appendleft(row)
                break
            if row.left <= 0:
                self._told.ended([(row.number, replace(row.written, full=True))])
                continue
            self._pages.grow(row, row.size)
            batch.append(row)
            tokens += row.size
        return batch

    def _next(self, ask: Callable[[int], DecodeRequest], begun: dict[int, Decoded]) -> Row:
        found = self._waiting.popleft()
        return found if isinstance(found, Row) else Row(found, ask(found), begun.setdefault(found, Decoded([])))

    def _read(self, batch: list[Row]) -> None:
        started, texts = time.monotonic(), [row.text for row in batch]
        noise = [float(row.request.noise[row.written.tokens]) for row in batch]
        drawn = self._stepper.read(texts, [row.pages for row in batch], noise)
        tokens = [self._take(row, [token]) for row, token in zip(batch, drawn, strict=True)]
        entries: dict[int, Entry] = {}
        for row, token in zip(batch, tokens, strict=True):
            if not row.written.done:
                slot = heapq.heappop(self._empty)
                self._rows[slot], made, limit = row, row.written.tokens, row.request.limit
                row.written.stale = False
                entries[slot] = Entry(
                    token=token, position=row.size - 1, made=made, limit=limit, noise=row.request.noise, pages=row.pages
                )  # fmt: skip
        if entries:
            self._slots.fill(entries)
        self._told.wrote(len(batch))
        self._end([row for row in batch if row.written.done])
        self._spent.read += sum(map(len, texts))
        self._spent.read_seconds += time.monotonic() - started

    def _take(self, row: Row, drawn: list[int]) -> int:
        """Let the row write these tokens, or what budget forcing puts in their place, up to its end; gives the last one."""
        if NO_NUMBER in drawn:
            raise NoNumber
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
            self._pages.free(row)
        if rows:
            self._told.ended([(row.number, row.written) for row in rows])

    def _write(self) -> None:
        """One block of steps."""
        started = time.monotonic()
        steps = 1 if self._rules.forcing is not None else min(STEPS, max(row.left for row in self._rows.values()))
        self._grow(steps)
        rows = self._narrow()
        shape = Shape(rows, self._splits(rows, steps), exact=self._exact > 0 or not self._likely)
        made = self._note(self._stepper.run(self._slots, shape, steps))
        self._spent.wrote += made
        self._spent.write_seconds += time.monotonic() - started

    def _note(self, block: list[list[int]]) -> int:
        """Let rows write what was drawn in a block of steps; gives the number of new tokens."""
        made, held_up, ended, corrected = 0, 0, list[int](), dict[int, tuple[int, int, int]]()
        for slot, row in self._rows.items():
            drawn, before = [shown[slot] for shown in block if shown[slot] != NOTHING], row.written.tokens
            token = self._take(row, drawn)
            made += max(0, row.written.tokens - before)
            if row.written.done:
                ended.append(slot)
                continue
            held_up += len(block) - len(drawn)
            if drawn and (token != drawn[-1] or row.written.stale):
                # What was taken back stays in the pages until it is written over; nothing reads behind the newest token.
                corrected[slot], row.written.stale = (token, row.size - 1, row.written.tokens), False
        self._exact = self._exact_next(held_up, len(block))
        if corrected:
            self._slots.correct(corrected)
        self._told.wrote(made)
        self._leave(ended)
        return made

    def _exact_next(self, held_up: int, steps: int) -> int:
        """Blocks to be drawn exactly: one for rows whose nucleus is large for once, several where that is common and so costs less."""
        if held_up:
            return 1 if held_up < steps * len(self._rows) // 20 else 8
        return max(0, self._exact - 1)

    def _leave(self, slots: list[int]) -> None:
        if slots:
            self._slots.clear(slots)
            self._end([self._rows[slot] for slot in slots])
            for slot in slots:
                del self._rows[slot]
                heapq.heappush(self._empty, slot)

    def _grow(self, steps: int) -> None:
        """Give every row the pages that its next tokens will fill, the longest first."""
        had = {slot: len(row.pages) for slot, row in self._rows.items()}
        for slot in sorted(had, key=lambda slot: -self._rows[slot].size):
            row = self._rows.get(slot)
            while row is not None and not self._pages.grow(row, min(row.size + steps, row.whole)):
                self._put_back()
                row = self._rows.get(slot)
        grown = [(slot, row.pages[had[slot] :]) for slot, row in self._rows.items()]
        if added := [(slot, had[slot] + number, page) for slot, pages in grown for number, page in enumerate(pages)]:
            self._slots.add_pages(added)

    def _put_back(self) -> None:
        """The shortest row waits until there is room again."""
        assert len(self._rows) > 1, "the pool holds at least one whole text"
        slot = min(self._rows, key=lambda slot: self._rows[slot].size)
        row = self._rows.pop(slot)
        self._slots.clear([slot])
        self._pages.free(row)
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

    def _splits(self, rows: int, steps: int) -> int:
        """In how many parts the kernel reads rows: enough to use the whole GPU, and that the longest row does not hold up the others."""
        longest, key_heads = max(row.size for row in self._rows.values()) + steps, self._stepper.pool.keys[0].shape[1]
        wanted = max(-(-longest // PART), min(-(-longest // 128), -(-PROGRAMS // (rows * key_heads))))
        splits = 1
        while splits < min(wanted, MOST_SPLITS):
            splits *= 2
        return splits
