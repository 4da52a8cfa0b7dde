"""Examples as token ids: prompt and answer segments through the tokenizer's chat template, loss on the answer and its end token."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from o1exp.records import Example

Ints = npt.NDArray[np.int64]


class CannotTrain(ValueError):
    """The user's data or model cannot be trained on as asked; the message says why and what would do."""


@dataclass(frozen=True)
class Encoded:
    """All examples, one after another: `starts` has one entry more than there are examples, `prompts` counts their prompt tokens.

    `rows` are their rows in the data, `problems` a number for each one's problem. `lengths_seen` holds the tokens of every example of the
    data, dropped ones too; `dropped` and `cut` count those longer than the cap, `over` the tokens lost with them.
    """

    ids: npt.NDArray[np.int32]
    starts: Ints
    prompts: Ints
    rows: Ints
    problems: Ints
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
        """Trainable tokens of each example."""
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


ARRAYS = ("ids", "starts", "prompts", "rows", "problems", "lengths_seen")


class ChatEncoder:
    """Turns Examples into (prompt ids, answer ids) with one tokenizer.

    Errors: CannotTrain where the template is missing, changes the response, or does not close the answer with an end token.
    """

    def __init__(self, tokenizer: Any, end_tokens: Iterable[int] = ()) -> None:
        if not tokenizer.chat_template:
            raise CannotTrain(
                "the tokenizer has no chat template; start from an instruction-tuned model, or give one (Jinja): chat_template=..."
            )
        self.tokenizer = tokenizer
        self.ends = {*end_tokens, tokenizer.eos_token_id} - {None}

    def __call__(self, examples: list[Example]) -> Iterator[tuple[list[int], list[int]]]:
        texts = [self._texts(example) for example in examples]
        prompts = self._ids([prompt for prompt, _ in texts])
        answers = self._ids([answer for _, answer in texts])
        self._check_spelling(examples[0], texts[0][1], answers[0])
        for example, prompt, answer in zip(examples, prompts, answers, strict=True):
            yield prompt, self._up_to_end(example, answer)

    def _check_spelling(self, example: Example, text: str, ids: list[int]) -> None:
        """Ids must spell the text again, spaces aside: a tokenizer that lacks its letters would teach something else."""
        spelt = self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        if "".join(spelt.split()) != "".join(text.split()):
            raise CannotTrain(
                f"the tokenizer cannot write example {example.id}: {text[-200:]!r} comes back as {spelt[-200:]!r}; choose a model whose "
                "tokenizer knows these letters"
            )

    def _texts(self, example: Example) -> tuple[str, str]:
        user = {"role": "user", "content": example.prompt}
        assistant = {"role": "assistant", "content": example.response}
        prompt = self.tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
        whole = self.tokenizer.apply_chat_template([user, assistant], tokenize=False)
        answer = whole[len(prompt) :]
        if not whole.startswith(prompt) or example.response.strip() not in answer:
            raise CannotTrain(
                f"the chat template does not keep example {example.id} as written: the dialogue must be the prompt followed by the whole "
                f"response, but it ends in {whole[-200:]!r}; use a template that rewrites nothing (some remove <think> sections)"
            )
        return prompt, answer

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return found

    def _up_to_end(self, example: Example, answer: list[int]) -> list[int]:
        """The answer up to its last end token: a template's newline after it is never generated, so it is not learned."""
        last = next((at for at in range(len(answer) - 1, -1, -1) if answer[at] in self.ends), None)
        if last is None:
            raise CannotTrain(
                f"example {example.id}: the chat template closes the answer with none of the end tokens {sorted(self.ends)}; "
                f"name the token that it writes there: eos_token=... (the answer ends in {self.tokenizer.decode(answer[-3:])!r})"
            )
        return answer[: last + 1]


def encode(examples: Iterable[Example], encoder: ChatEncoder, max_length: int, overlong: str) -> Encoded:
    """Encode every example; one longer than `max_length` tokens is dropped or cut at its end, and counted.

    Errors: CannotTrain if nothing is left, or if an example has no trainable token.
    """
    ids: list[npt.NDArray[np.int32]] = []
    lengths, prompts, rows, problems, seen = [], [], [], [], []
    dropped, cut, over = 0, 0, 0
    source = enumerate(examples)
    while chunk := list(islice(source, 512)):
        for (row, example), (prompt, answer) in zip(chunk, encoder([example for _, example in chunk]), strict=True):
            seen.append(len(prompt) + len(answer))
            excess = seen[-1] - max_length
            if excess > 0 and overlong == "drop":
                dropped, over = dropped + 1, over + seen[-1]
                continue
            if excess > 0:
                answer, cut, over = answer[: max(0, len(answer) - excess)], cut + 1, over + excess
            if not example.response.strip() or not answer:
                raise CannotTrain(f"example {example.id} has no trainable token: " + _why_empty(example, len(prompt), max_length))
            ids.append(np.array(prompt + answer, dtype=np.int32))
            lengths.append(len(ids[-1]))
            prompts.append(len(prompt))
            rows.append(row)
            problems.append(zlib.crc32(example.problem.encode()))
    if not prompts:
        raise CannotTrain(
            f"no example is left to train on: {dropped} were longer than max_length={max_length}; raise it, or set overlong=cut"
        )
    starts = np.concatenate([[0], np.cumsum(lengths)])
    counts = (np.array(prompts), np.array(rows), np.array(problems), np.array(seen))
    return Encoded(np.concatenate(ids), starts, *counts, dropped, cut, over)


def _why_empty(example: Example, prompt: int, max_length: int) -> str:
    if not example.response.strip():
        return "its response is empty; filter such examples out before training"
    return f"its prompt alone has {prompt} tokens and max_length is {max_length}; raise max_length, or set overlong=drop"
