"""Examples as token ids: an artefact that all trainings with the same tokenizer, template and length cap share."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from o1exp.chat.rehearsal import refuses_answers
from o1exp.chat.templates import chosen, mistake_in, settled, syntax_error
from o1exp.flow import AtLeast, Checkpoint, Expect, Role, Stage, Stopped, Work, added
from o1exp.flow.hub import look_for_hub
from o1exp.flow.library import transformers
from o1exp.records import Example, Pair, Table
from o1exp.train.bases.folder import end_tokens as end_tokens_of
from o1exp.train.bases.folder import template_of
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.facts import PreparedFacts

if TYPE_CHECKING:
    from o1exp.train.data.encode import Encoded, Ints


LISTED = 100
"""Rows that the facts name."""


@dataclass(frozen=True)
class Prepared:
    """A folder of token ids with each document's unit and role (`*.npy`), and `preview.html`, `preview.json`: the first documents as the
    model sees them."""

    folder: Path

    @classmethod
    def read(cls, folder: Path) -> "Prepared":
        return cls(folder)

    def encoded(self) -> "Encoded":
        from o1exp.train.data.encode import Encoded

        return Encoded.load(self.folder)


@dataclass(frozen=True, kw_only=True)
class Prepare(Stage[Prepared]):
    """Encode `data`, examples or pairs, with the tokenizer of `tokenizer`; loss on the response and its end token."""

    role: ClassVar[Role] = "encoding"
    does: ClassVar[str] = "examples as token ids"

    renamed: ClassVar[Mapping[str, str]] = {"end_token": "eos_token"}

    version: ClassVar[int] = 3

    tokenizer: Stage[Checkpoint]
    """The model whose tokenizer and template are used."""
    data: Stage[Any]
    """Examples, or pairs of answers."""
    max_length: Annotated[int, AtLeast(2)]
    """Tokens of an example at most, prompt and response together."""
    overlong: Literal["drop", "cut"] = "drop"
    """What becomes of a longer one: left out whole, or cut at its end; both are counted."""
    eos_token: str = ""
    """The token that closes a response, where the template writes another one than the tokenizer's own; "": the tokenizer's own."""
    chat_template: str = ""
    """A template instead of the tokenizer's: Jinja, or a name of its set or of ours; "": the tokenizer's own."""
    special_tokens: Literal["text", "tokens"] = added("text")
    """What special tokens in the texts are: the text that they stand in, or the tokens themselves; both are counted."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if wrong := mistake_in(self.chat_template):
            yield "chat_template", wrong

    def preflight(self) -> Iterator[str]:
        """What is wrong with the template of a model folder, before the data are made that it shall write."""
        start = self.tokenizer
        if not isinstance(start, Pretrained) or start.folder is None or not (start.folder / "tokenizer_config.json").is_file():
            return
        try:
            template = chosen(template_of(start.folder), self.chat_template)
        except ValueError as wrong_name:
            yield f"{start.folder}: {wrong_name}"
            return
        named, ends = end_tokens_of(start.folder)
        if self.eos_token:
            named, ends = {**named, "eos_token": self.eos_token}, [self.eos_token, *ends] if ends else []
        if wrong := syntax_error(template) or refuses_answers(template, named, ends):
            yield f"the chat template of {start.folder} {wrong}"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        data = inputs.get("data", Expect())
        tokens = data.rows * data.tokens_per_row if data.rows is not None and data.tokens_per_row is not None else 0.0
        return Expect(rows=data.rows, tokens_per_row=data.tokens_per_row, disk_gb=4 * tokens / 1e9)

    def make(self, work: Work) -> None:
        from o1exp.train.data.encode import CannotTrain, ChatEncoder, encode
        from o1exp.train.data.preview import write_preview

        start, table = work.open(self.tokenizer), work.open(self.data)
        with work.progress("examples", float(len(table))) as bar:
            try:
                tokenizer = load_tokenizer(start, self.eos_token, self.chat_template)
                encoder = ChatEncoder(tokenizer, end_tokens(start), self.special_tokens)
                data = encode(_counted(table, bar, work), encoder, self.max_length, self.overlong, work.scratch)
            except CannotTrain as problem:
                raise ValueError(str(problem)) from None
        write_preview(data, tokenizer, work.folder)
        work.note(**facts(data, self.max_length, encoder.specials).noted())
        data.moved(work.folder)


def _counted(table: Table[Any], bar: Any, work: Work) -> Iterator[Example | Pair]:
    for row in table:
        if work.stopping:
            raise Stopped
        yield row
        bar.advance(1)


def load_tokenizer(start: Checkpoint, eos_token: str, chat_template: str) -> Any:
    """The tokenizer of a model folder or hub id with the given end token and template, which tells a settled day.

    Errors: CannotTrain for an end token or a template that there is not.
    """
    from o1exp.train.data.encode import CannotTrain

    away = look_for_hub(start.source)
    try:
        tokenizer = transformers("AutoTokenizer").from_pretrained(start.source, revision=start.revision or None, trust_remote_code=False)
    except Exception as wrong:  # the library raises what its formats raise
        reason = away or (str(wrong).strip().splitlines() or [type(wrong).__name__])[0]
        raise CannotTrain(
            f"the tokenizer of {start.source} cannot be loaded ({reason}); one that needs code of its own is never loaded: give a model "
            "with a tokenizer.json that the installed transformers reads"
        ) from None
    if eos_token and eos_token not in tokenizer.get_vocab():
        raise CannotTrain(f"eos_token={eos_token}: the tokenizer of {start.source} has no such token; name one of its special tokens")
    if eos_token:
        tokenizer.eos_token = eos_token
    own = tokenizer.chat_template
    try:
        if chat_template or isinstance(own, str):
            tokenizer.chat_template = chosen(own, chat_template)
        elif isinstance(own, dict) and "default" in own:
            tokenizer.chat_template = {**own, "default": settled(own["default"])}
    except ValueError as wrong:
        raise CannotTrain(str(wrong)) from None
    return tokenizer


def end_tokens(start: Checkpoint) -> list[int]:
    """The token ids at which generation stops, by the model's generation config. What it pads with is no matter: packs have no pads."""
    look_for_hub(start.source)
    try:
        config = transformers("GenerationConfig").from_pretrained(start.source, revision=start.revision or None)
    except OSError:
        return []
    found = config.eos_token_id
    return found if isinstance(found, list) else [] if found is None else [found]


def facts(data: "Encoded", max_length: int, specials: Mapping[str, int]) -> PreparedFacts:
    """Counts for the manifest, with a histogram: how many examples have up to so many tokens (doubling widths)."""
    from o1exp.train.data.growing import pieces
    from o1exp.train.data.problems import distinct

    lengths = Lengths(data.lengths_seen)
    edges = [2**power for power in range(1, 40) if 2 ** (power - 1) < lengths.at(1.0) and 2**power >= lengths.at(0.0)]
    counts, below = {}, 0
    for edge in edges:
        within = lengths.within(edge)
        counts[str(edge)], below = within - below, within
    tokens = int(data.starts[-1])
    return PreparedFacts(
        rows=len(data), examples=len(data.lengths_seen), dropped=data.dropped, cut=data.cut, tokens_lost=data.over, tokens=tokens,
        label_tokens=tokens - sum(int(some.sum()) for some in pieces(data.prompts)), max_length=max_length,
        length_median=lengths.middle, length_p90=lengths.at(0.9), length_longest=lengths.at(1.0),
        length_histogram=counts, problems=distinct(data.problems), unreadable=len(data.unreadable),
        unreadable_rows=data.unreadable[:LISTED].tolist(), special_tokens=dict(sorted(specials.items())),
    )  # fmt: skip


class Lengths:
    """How often each length occurs: no table of them is sorted."""

    def __init__(self, lengths: "Ints") -> None:
        import numpy as np

        from o1exp.train.data.growing import pieces

        counts = Counter[int]()
        for some in pieces(lengths):
            found, often = np.unique(some, return_counts=True)
            counts.update(dict(zip(found.tolist(), often.tolist(), strict=True)))
        self.kinds = sorted(counts)
        self.ends = list(accumulate(counts[length] for length in self.kinds))

    def of(self, place: int) -> int:
        """That at a place, from the shortest on."""
        return self.kinds[bisect_right(self.ends, place)]

    def at(self, share: float) -> int:
        """The one that this share of them does not pass."""
        return self.of(int(share * (self.ends[-1] - 1)))

    @property
    def middle(self) -> int:
        return self.of(self.ends[-1] // 2)

    def within(self, edge: int) -> int:
        """How many are no longer."""
        place = bisect_right(self.kinds, edge)
        return self.ends[place - 1] if place else 0
