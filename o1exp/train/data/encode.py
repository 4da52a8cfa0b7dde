"""Examples and pairs as token ids: prompt and answer through the tokenizer's chat template, loss on the answer and its end token."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from o1exp.records import Example, Pair

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
    document of the data, dropped ones too; `dropped` and `cut` count those longer than the cap, `over` the tokens lost with them.
    """

    ids: npt.NDArray[np.int32]
    starts: Ints
    prompts: Ints
    rows: Ints
    problems: Ints
    units: Ints
    roles: npt.NDArray[np.int8]
    lengths_seen: Ints
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
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.save(folder / "counts.npy", np.array([self.dropped, self.cut, self.over]))

    @classmethod
    def load(cls, folder: Path) -> "Encoded":
        """Mapped into memory, so that the ranks of a machine share one copy."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        dropped, cut, over = (int(count) for count in np.load(folder / "counts.npy"))
        return cls(**arrays, dropped=dropped, cut=cut, over=over)


ARRAYS = ("ids", "starts", "prompts", "rows", "problems", "units", "roles", "lengths_seen")


class ChatEncoder:
    """Turns documents into (prompt ids, answer ids) with one tokenizer.

    Errors: CannotTrain where the template is missing, changes the response, or does not close the answer with an end token.
    """

    def __init__(self, tokenizer: Any, end_tokens: Iterable[int] = ()) -> None:
        if not tokenizer.chat_template:
            raise CannotTrain(
                "the tokenizer has no chat template; start from an instruction-tuned model, or give one (Jinja): chat_template=..."
            )
        self.tokenizer = tokenizer
        self.ends = {*end_tokens, tokenizer.eos_token_id} - {None}

    def __call__(self, documents: list[Document]) -> Iterator[tuple[list[int], list[int]]]:
        texts = [self._texts(document) for document in documents]
        prompts = self._ids([prompt for prompt, _ in texts])
        answers = self._ids([answer for _, answer in texts])
        self._check_spelling(documents[0], texts[0][1], answers[0])
        for document, prompt, answer in zip(documents, prompts, answers, strict=True):
            yield prompt, self._up_to_end(document, answer)

    def _check_spelling(self, document: Document, text: str, ids: list[int]) -> None:
        """Ids must spell the text again, spaces aside: a tokenizer that lacks its letters would teach something else."""
        spelt = self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        if "".join(spelt.split()) != "".join(text.split()):
            raise CannotTrain(
                f"the tokenizer cannot write example {document.name}: {text[-200:]!r} comes back as {spelt[-200:]!r}; choose a model whose "
                "tokenizer knows these letters"
            )

    def _texts(self, document: Document) -> tuple[str, str]:
        user = {"role": "user", "content": document.prompt}
        assistant = {"role": "assistant", "content": document.response}
        prompt = self.tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
        whole = self.tokenizer.apply_chat_template([user, assistant], tokenize=False)
        answer = whole[len(prompt) :]
        if not whole.startswith(prompt) or document.response.strip() not in answer:
            raise CannotTrain(
                f"the chat template does not keep example {document.name} as written: the dialogue must be the prompt followed by the "
                f"whole response, but it ends in {whole[-200:]!r}; use a template that rewrites nothing (some remove <think> sections)"
            )
        return prompt, answer

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return found

    def _up_to_end(self, document: Document, answer: list[int]) -> list[int]:
        """The answer up to its last end token: a template's newline after it is never generated, so it is not learned."""
        last = next((at for at in range(len(answer) - 1, -1, -1) if answer[at] in self.ends), None)
        if last is None:
            raise CannotTrain(
                f"example {document.name}: the chat template closes the answer with none of the end tokens {sorted(self.ends)}; "
                f"name the token that it writes there: eos_token=... (the answer ends in {self.tokenizer.decode(answer[-3:])!r})"
            )
        return answer[: last + 1]


def encode(rows: Iterable[Example | Pair], encoder: ChatEncoder, max_length: int, overlong: str) -> Encoded:
    """Encode every document of the rows; one longer than `max_length` tokens is dropped or cut at its end, and counted.

    Errors: CannotTrain if nothing is left, or if a document has no trainable token.
    """
    ids: list[npt.NDArray[np.int32]] = []
    kept: list[Document] = []
    prompts, seen = [], []
    dropped, cut, over = 0, 0, 0
    source = documents(rows)
    while chunk := list(islice(source, 512)):
        for document, (prompt, answer) in zip(chunk, encoder(chunk), strict=True):
            seen.append(len(prompt) + len(answer))
            excess = seen[-1] - max_length
            if excess > 0 and overlong == "drop":
                dropped, over = dropped + 1, over + seen[-1]
                continue
            if excess > 0:
                answer, cut, over = answer[: max(0, len(answer) - excess)], cut + 1, over + excess
            if not document.response.strip() or not answer:
                raise CannotTrain(f"example {document.name} has no trainable token: " + _why_empty(document, len(prompt), max_length))
            ids.append(np.array(prompt + answer, dtype=np.int32))
            kept.append(document)
            prompts.append(len(prompt))
    if not kept:
        raise CannotTrain(
            f"no example is left to train on: {dropped} were longer than max_length={max_length}; raise it, or set overlong=cut"
        )
    at = np.array([document.row for document in kept])
    return Encoded(
        ids=np.concatenate(ids), starts=np.concatenate([[0], np.cumsum([len(one) for one in ids])]), prompts=np.array(prompts), rows=at,
        problems=np.array([zlib.crc32(document.problem.encode()) for document in kept]), units=at,
        roles=np.array([document.role for document in kept], dtype=np.int8), lengths_seen=np.array(seen),
        dropped=dropped, cut=cut, over=over,
    )  # fmt: skip


def _why_empty(document: Document, prompt: int, max_length: int) -> str:
    if not document.response.strip():
        return "its response is empty; filter such examples out before training"
    return f"its prompt alone has {prompt} tokens and max_length is {max_length}; raise max_length, or set overlong=drop"
