"""How a benchmark's answers are drawn: one object, from the YAML file to the process that generates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from o1exp.chat.teacher import ChatSampling
from o1exp.flow import Above, AtLeast, Between, how

QUESTION = "{question}"


@dataclass(frozen=True, kw_only=True)
class Sampling(ChatSampling):
    """How answers are drawn.

    Text ends at the end token, before a string of `stop`, or at `max_tokens`. Each draw has random numbers of its own, made from `seed`,
    the problem's id and the draw's number: more samples or other problems beside it leave it as it is, up to rounding.
    """

    samples: Annotated[int, AtLeast(1)] = 1
    """K, the answers per problem."""
    temperature: Annotated[float, AtLeast(0)] = 0.0
    """0: greedy, the likeliest token each time."""
    top_p: Annotated[float, Above(0), Between(0, 1)] = 1.0
    """Tokens are drawn from the likeliest ones that together reach this chance."""
    max_tokens: Annotated[int, AtLeast(1)] = 2048
    """The most tokens of one answer; a longer one is cut off."""
    expected_tokens: Annotated[int, AtLeast(0)] = how(0)
    """Tokens of an answer, for the plan; 0: max_tokens."""
    prompt: str = QUESTION
    """The user's message with {question} in it; the model's chat template is put around it."""
    think_end: str = "</think>"
    """The mark that ends a thought: tokens up to it are counted as thinking. "" for models without one."""
    min_thinking_tokens: Annotated[int, AtLeast(0)] = 0
    """Budget forcing: a model that would end its thought after fewer tokens writes `wait` and goes on; 0: never."""
    max_thinking_tokens: Annotated[int, AtLeast(0)] = 0
    """Budget forcing: a thought of more tokens is ended by `think_end` and `force_answer`; 0: never."""
    wait: str = "Wait"
    """What a model is made to write instead of ending its thought."""
    force_answer: str = "\n\nThe final answer is "
    """What a model is made to write after a thought that was ended by force."""
    batch_size: Annotated[int, AtLeast(0)] = how(0)
    """Rows decoded together; 0: as many as memory allows. Through rounding, another size or device may change an answer."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if QUESTION not in self.prompt:
            yield "prompt", f"has no {QUESTION}; write it where the problem's text belongs"
        if self.temperature == 0 and self.samples > 1:
            yield "samples", "greedy decoding gives the same answer each time; use samples=1, or a temperature above 0"
        if "" in self.stop:
            yield "stop", "contains an empty string; leave it out"
        yield from self._forcing_mistakes()

    def _forcing_mistakes(self) -> Iterator[tuple[str, str]]:
        least, most = self.min_thinking_tokens, self.max_thinking_tokens
        if most and not self.think_end:
            yield "max_thinking_tokens", "needs think_end, the mark that ends a thought"
        if most and least > most:
            yield "min_thinking_tokens", f"must not be above max_thinking_tokens={most}"
        if least and not self.wait:
            yield "wait", "is empty; it is what the model writes instead of ending its thought"

    @property
    def forces_thinking(self) -> bool:
        """Is the length of thoughts forced?"""
        return self.min_thinking_tokens > 0 or self.max_thinking_tokens > 0

    def asked(self, question: str) -> str:
        """The user's message for a problem's text."""
        return self.prompt.replace(QUESTION, question)
