"""Examples and pairs as token ids: prompt and answer through the tokenizer's chat template, loss on the answer and its end token."""

import tempfile
from array import array
from collections import Counter
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
from o1exp.train.data.growing import Growing, growing
from o1exp.train.data.letters import Letters, sentence
from o1exp.train.data.problems import SameProblems

Ints = npt.NDArray[np.int64]
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


def documents(rows: Iterable[Example | Pair]) -> Iterator[Document]:
    """One document of each example, two of each pair, the chosen one first."""
    for at, row in enumerate(rows):
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
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    @cached_property
    def labels(self) -> Ints:
        """Trainable tokens of each document."""
        return self.lengths - self.prompts

    def document(self, number: int) -> npt.NDArray[np.int32]:
        return self.ids[self.starts[number] : self.starts[number + 1]]

    def save(self, folder: Path) -> None:
        """Write the arrays, but for ids that were written there while they were made."""
        for name in ARRAYS:
            if name == IDS and isinstance(self.ids, np.memmap) and Path(str(self.ids.filename)) == folder / f"{IDS}.npy":
                continue
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.save(folder / "counts.npy", np.array([self.dropped, self.cut, self.over]))

    @classmethod
    def load(cls, folder: Path) -> "Encoded":
        """Mapped into memory, so that the ranks of a machine share one copy."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        dropped, cut, over = (int(count) for count in np.load(folder / "counts.npy"))
        return cls(**arrays, dropped=dropped, cut=cut, over=over)


IDS = "ids"
ARRAYS = (IDS, "starts", "prompts", "rows", "problems", "units", "roles", "lengths_seen", "unreadable")


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
    rows: Iterable[Example | Pair], encoder: ChatEncoder, max_length: int, overlong: str, folder: Path | None = None
) -> Encoded:  # fmt: skip
    """Encode every document of the rows; one longer than `max_length` tokens is dropped or cut at its end, and counted.

    The ids go to `ids.npy` in the folder as they come (one of its own where it is None) and are mapped into memory; of a document some
    60 bytes are held.

    Rows that are no text (half of a surrogate pair) are left out and named in `unreadable`. Errors: CannotTrain if nothing is left, if a
    document has no trainable token, or where the tokenizer lacks a letter of one.
    """
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(str(folder)) as place:
        path = Path(place) / f"{IDS}.npy"
        with growing(path, np.int32) as ids:
            found = _documents(rows, encoder, (max_length, overlong), ids)
        if encoder.unknown:
            raise CannotTrain(sentence(encoder.unknown))
        if not found.rows:
            raise CannotTrain(
                f"no example is left to train on: {found.dropped} were longer than max_length={max_length}; raise it, or set overlong=cut"
                + (f" ({len(found.unreadable)} were no text)" if found.unreadable else "")
            )
        return found.encoded(np.load(path, mmap_mode=None if folder is None else "r"))


@dataclass
class _Found:
    """What is held of the documents: numbers alone."""

    starts: "array[int]" = field(default_factory=lambda: array("q", [0]))
    prompts: "array[int]" = field(default_factory=lambda: array("q"))
    rows: "array[int]" = field(default_factory=lambda: array("q"))
    roles: "array[int]" = field(default_factory=lambda: array("b"))
    places: "array[int]" = field(default_factory=lambda: array("q"))
    """The place of each kept document among all that were seen."""
    seen: "array[int]" = field(default_factory=lambda: array("q"))
    problems: SameProblems = field(default_factory=SameProblems)
    unreadable: list[int] = field(default_factory=list)
    dropped: int = 0
    cut: int = 0
    over: int = 0

    def encoded(self, ids: npt.NDArray[np.int32]) -> Encoded:
        at = np.frombuffer(self.rows, np.int64)
        return Encoded(
            ids=ids, starts=np.frombuffer(self.starts, np.int64), prompts=np.frombuffer(self.prompts, np.int64), rows=at,
            problems=self.problems.numbers()[np.frombuffer(self.places, np.int64)], units=at, roles=np.frombuffer(self.roles, np.int8),
            lengths_seen=np.frombuffer(self.seen, np.int64), unreadable=np.unique(np.array(self.unreadable, dtype=np.int64)),
            dropped=self.dropped, cut=self.cut, over=self.over,
        )  # fmt: skip


def _documents(rows: Iterable[Example | Pair], encoder: ChatEncoder, cap: tuple[int, str], ids: Growing) -> _Found:
    """Encode every document; `cap` is how long one may be, and what becomes of a longer one."""
    (max_length, overlong), found, source = cap, _Found(), documents(rows)
    while chunk := list(islice(source, 512)):
        found.unreadable += [document.row for document in chunk if not document.is_text]
        readable = [document for document in chunk if document.is_text]
        for document, (prompt, answer) in zip(readable, encoder(readable), strict=True):
            found.problems.add(document.problem, document.prompt)
            found.seen.append(len(prompt) + len(answer))
            excess = found.seen[-1] - max_length
            if excess > 0 and overlong == "drop":
                found.dropped, found.over = found.dropped + 1, found.over + found.seen[-1]
                continue
            if excess > 0:
                answer, found.cut, found.over = answer[: max(0, len(answer) - excess)], found.cut + 1, found.over + excess
            if not document.response.strip() or not answer:
                raise CannotTrain(f"example {document.name} has no trainable token: " + _why_empty(document, len(prompt), max_length))
            ids.extend(prompt + answer)
            found.starts.append(ids.count)
            found.prompts.append(len(prompt))
            found.rows.append(document.row)
            found.roles.append(document.role)
            found.places.append(len(found.seen) - 1)
    return found


def _where(document: Document) -> str:
    return f"row {document.row}, example {document.name}"


def _why_empty(document: Document, prompt: int, max_length: int) -> str:
    if not document.response.strip():
        return "its response is empty; filter such examples out before training"
    return f"its prompt alone has {prompt} tokens and max_length is {max_length}; raise max_length, or set overlong=drop"
