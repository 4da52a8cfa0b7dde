"""Examples and pairs as token ids: prompt and answer through the tokenizer's chat template, loss on the answer and its end token."""

import os
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from o1exp.chat.dialogue import Dialogue
from o1exp.records import Example, Pair
from o1exp.train.data.found import KINDS, NAMED, Noticed, found_in
from o1exp.train.data.growing import Growing, growing, pieces
from o1exp.train.data.letters import Letters, sentence
from o1exp.train.data.problems import name_of, number_of, same_problems

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.integer[Any]]
_PART = 2048
"""Rows that are encoded again after a kill, at most."""
PLAIN, CHOSEN, REJECTED = range(3)
ROLES = ("plain", "chosen", "rejected")
"""What a document is in its unit, by number: an example alone, or the answer of a pair that is preferred, or the other one."""


class CannotTrain(ValueError):
    """The user's data or model cannot be trained on as asked; the message says why and what would do."""


@dataclass(frozen=True)
class Document:
    """A prompt with one answer to it: an example, or one side of a pair; `row` is its row in the data, `name` is for messages."""

    row: int
    role: int
    name: str
    problem: str
    prompt: str
    response: str

    @property
    def is_text(self) -> bool:
        """Half of a surrogate pair is no letter, and no tokenizer takes it."""
        try:
            return bool((self.prompt + self.response).encode()) or True
        except UnicodeEncodeError:
            return False


def documents(rows: Iterable[Example | Pair], first: int = 0) -> Iterator[Document]:
    """One document of each example, two of each pair, the chosen one first; `first` is the number of the first row."""
    for at, row in enumerate(rows, first):
        if isinstance(row, Pair):
            for role, response in ((CHOSEN, row.chosen), (REJECTED, row.rejected)):
                yield Document(at, role, f"{row.problem} ({ROLES[role]})", row.problem, row.prompt, response)
        else:
            yield Document(at, PLAIN, row.id, row.problem, row.prompt, row.response)


@dataclass(frozen=True)
class Encoded:
    """All documents, one after another: `starts` has one entry more than there are documents, `prompts` counts their prompt tokens.

    `rows` are their rows in the data, `problems` a number for each one's problem. Documents of one number in `units` are one unit, which is
    shuffled, packed and scored whole; `roles` say what each is in it (an index into ROLES). `lengths_seen` holds the tokens of every
    document of the data, dropped ones too; `dropped` and `cut` count those longer than the cap, `over` the tokens lost with them (a cut
    one has no end token). `unreadable` are the rows that are no text.
    """

    ids: npt.NDArray[np.int32]
    starts: Ints
    prompts: Ints
    rows: Ints
    problems: Ints
    units: Ints
    roles: npt.NDArray[np.int8]
    lengths_seen: Ints
    unreadable: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    dropped: int = 0
    cut: int = 0
    over: int = 0

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def lengths(self) -> Counts:
        """Tokens of each document."""
        parts, before = [], 0
        for some in pieces(self.starts):
            parts.append(np.diff(some, prepend=before).astype(np.int32))
            before = int(some[-1])
        found: Counts = np.concatenate(parts)
        return found[1:]

    @cached_property
    def labels(self) -> Counts:
        """Trainable tokens of each document."""
        prompts: Counts = np.concatenate([some.astype(np.int32) for some in pieces(self.prompts)])
        return self.lengths - prompts

    def document(self, number: int) -> npt.NDArray[np.int32]:
        return self.ids[self.starts[number] : self.starts[number + 1]]

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.save(folder / f"{COUNTS}.npy", np.array([self.dropped, self.cut, self.over]))

    def moved(self, folder: Path) -> "Encoded":
        """The same, with the files of its arrays, which are mapped, in another folder of the same disk."""
        assert isinstance(self.ids, np.memmap)
        here = Path(str(self.ids.filename)).parent
        for name in (*ARRAYS, COUNTS):
            os.replace(here / f"{name}.npy", folder / f"{name}.npy")
        return Encoded.load(folder)

    @classmethod
    def load(cls, folder: Path, mapped: bool = True) -> "Encoded":
        """Mapped into memory, so that the ranks of a machine share one copy, or all of it in memory."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r" if mapped else None) for name in ARRAYS}
        dropped, cut, over = (int(count) for count in np.load(folder / f"{COUNTS}.npy"))
        return cls(**arrays, dropped=dropped, cut=cut, over=over)


ARRAYS = ("ids", "starts", "prompts", "rows", "problems", "units", "roles", "lengths_seen", "unreadable")
COUNTS = "counts"


class ChatEncoder:
    """Turns documents into (prompt ids, answer ids) with one tokenizer and its chat template.

    `special_tokens` found in the texts stay "text", or are the "tokens" that they look like; either way `specials` counts them.
    Errors: CannotTrain where the template cannot be used, or a response cannot be written with it.
    """

    def __init__(self, tokenizer: Any, end_tokens: Iterable[int] = (), special_tokens: str = "text") -> None:
        self.tokenizer = tokenizer
        try:
            self.dialogue = Dialogue(tokenizer, end_tokens, as_text=special_tokens == "text")
            self._check_end(self.dialogue.form.around("2"))
        except ValueError as wrong:
            raise CannotTrain(str(wrong)) from None
        self.letters = Letters(self.dialogue.tokens)
        self.specials: Counter[str] = Counter()
        self.unknown: dict[str, list[int]] = {}
        """Letters that the tokenizer does not know, each with the rows that hold it."""

    def __call__(self, documents: list[Document]) -> Iterator[tuple[list[int], list[int]]]:
        prompts, answers = zip(*map(self._texts, documents), strict=True) if documents else ((), ())
        try:
            encoded = list(self.dialogue.ids(list(prompts), list(answers)))
        except ValueError as wrong:
            raise CannotTrain(str(wrong)) from None
        for document, prompt, answer, (asked, ids) in zip(documents, prompts, answers, encoded, strict=True):
            if sum(map(ids.count, self.dialogue.ends)) > 1:
                raise CannotTrain(f"{_where(document)}: the tokenizer reads an end token within the response; leave the row out")
            self._note_letters(document, document.prompt, asked, prompt)
            self._note_letters(document, document.response, ids, answer)
            yield asked, ids

    def _texts(self, document: Document) -> tuple[str, str]:
        held = self.dialogue.tokens.special_in(document.response)
        if not self.dialogue.tokens.as_text and (ends := held.keys() & set(self.dialogue.end_names)):
            raise CannotTrain(
                f"{_where(document)}: its response holds the end token {min(ends)}, where generation would stop; "
                "set special_tokens=text to keep it as text"
            )
        self.specials.update(held)
        self.specials.update(self.dialogue.tokens.special_in(document.prompt))
        try:
            answer = self.dialogue.answer_text(document.response, drawn=document.role != PLAIN)
            return self.dialogue.prompt_text(document.prompt), answer
        except ValueError as wrong:
            raise CannotTrain(f"{_where(document)}: {wrong}") from None

    def _note_letters(self, document: Document, text: str, ids: list[int], written: str) -> None:
        for letter in self.letters.unknown(text, ids, written):
            rows = self.unknown.setdefault(letter, [])
            if document.row not in rows[-1:]:
                rows.append(document.row)

    def _check_end(self, answer: str) -> None:
        """A text that ends in an end token must become ids that do."""
        if self.dialogue.tokens.ids([answer])[0][-1:] not in [[end] for end in self.dialogue.ends]:
            raise ValueError(f"the tokenizer does not read {answer[-20:]!r} as ending in its end token; choose chat_template=plain")


def encode(
    rows: Iterable[Example | Pair], encoder: ChatEncoder, max_length: int, overlong: str, scratch: Path | None = None
) -> Encoded:  # fmt: skip
    """Encode every document of the rows; one longer than `max_length` tokens is dropped or cut at its end, and counted.

    The arrays grow on disk, in the scratch folder, and are mapped into memory (a folder of their own where it is None, and then they are
    read): of a document nothing is held. After a kill the rows of the parts that stand there are passed over.

    Rows that are no text (half of a surrogate pair) are left out and named in `unreadable`. Errors: CannotTrain if nothing is left, if a
    document has no trainable token, or where the tokenizer lacks a letter of one.
    """
    with tempfile.TemporaryDirectory() if scratch is None else nullcontext(str(scratch)) as place:
        folder, source = Path(place), iter(rows)
        with found_in(folder) as found:
            counts = found.counts
            deque(islice(source, counts.read), maxlen=0)
            while chunk := list(islice(source, _PART)):
                found.add(*_part(chunk, counts.read, encoder, (max_length, overlong), found.ids))
        encoder.specials.update(counts.specials)
        if counts.unknown:
            raise CannotTrain(sentence(counts.unknown, counts.unknown_rows))
        if not found.ids.count:
            raise CannotTrain(
                f"no example is left to train on: {counts.dropped} were longer than max_length={max_length}; raise it, or set overlong=cut"
                + (f" ({counts.unreadable} were no text)" if counts.unreadable else "")
            )
        number_problems(folder)
        np.save(folder / f"{COUNTS}.npy", np.array([counts.dropped, counts.cut, counts.over]))
        return Encoded.load(folder, mapped=scratch is not None)


def number_problems(folder: Path) -> None:
    """The problem of each document that is kept, by what was seen of all."""
    questions, names, kept = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("questions", "names", "kept"))
    with growing(folder / "problems.npy", np.int64) as problems:
        for numbers, some in zip(same_problems(questions, names), pieces(kept), strict=True):
            problems.extend(numbers[some.astype(bool)])


def _part(
    chunk: list[Example | Pair], first: int, encoder: ChatEncoder, cap: tuple[int, str], ids: Growing
) -> tuple[Noticed, dict[str, list[int]]]:
    """Encode the documents of some rows, of which `first` stand before; `cap` is how long one may be, and what becomes of a longer one."""
    (max_length, overlong), counts, source = cap, Noticed(read=len(chunk)), documents(chunk, first)
    numbers: dict[str, list[int]] = {name: [] for name in ("lengths", *KINDS) if name not in ("ids", "starts")}
    encoder.specials, encoder.unknown = Counter(), {}
    while some := list(islice(source, 512)):
        numbers["unreadable"].extend(document.row for document in some if not document.is_text)
        readable = [document for document in some if document.is_text]
        for document, (prompt, answer) in zip(readable, encoder(readable), strict=True):
            tokens = len(prompt) + len(answer)
            excess = tokens - max_length
            kept = excess <= 0 or overlong != "drop"
            numbers["questions"].append(number_of(document.prompt))
            numbers["names"].append(name_of(document.problem))
            numbers["lengths_seen"].append(tokens)
            numbers["kept"].append(kept)
            if not kept:
                counts.dropped, counts.over = counts.dropped + 1, counts.over + tokens
                continue
            if excess > 0:
                answer, counts.cut, counts.over = answer[: max(0, len(answer) - excess)], counts.cut + 1, counts.over + excess
            if not document.response.strip() or not answer:
                raise CannotTrain(f"example {document.name} has no trainable token: " + _why_empty(document, len(prompt), max_length))
            ids.extend(prompt + answer)
            numbers["lengths"].append(len(prompt) + len(answer))
            numbers["prompts"].append(len(prompt))
            numbers["rows"].append(document.row)
            numbers["units"].append(document.row)
            numbers["roles"].append(document.role)
    numbers["unreadable"] = list(dict.fromkeys(numbers["unreadable"]))
    counts.unreadable = len(numbers["unreadable"])
    counts.unknown_rows = len({row for rows in encoder.unknown.values() for row in rows})
    counts.unknown = {letter: rows[:NAMED] for letter, rows in encoder.unknown.items()}
    counts.specials, encoder.specials = dict(encoder.specials), Counter()
    return counts, numbers


def _where(document: Document) -> str:
    return f"row {document.row}, example {document.name}"


def _why_empty(document: Document, prompt: int, max_length: int) -> str:
    if not document.response.strip():
        return "its response is empty; filter such examples out before training"
    return f"its prompt alone has {prompt} tokens and max_length is {max_length}; raise max_length, or set overlong=drop"
