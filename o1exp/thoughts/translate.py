"""Training text in another language: a model translates question and thought, and what has to stay is looked for (Part 2, section 4)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from o1exp.answers.extract import extract
from o1exp.answers.grade import grade_answer
from o1exp.chat.request import likely_tokens
from o1exp.chat.spent import Spends
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Expect, Role, Stage, StageFailed, Work, how
from o1exp.records import Example, Table
from o1exp.thoughts.asking import Ask, Asking, Exploring
from o1exp.thoughts.prompts import filled, without

PROMPT = r"""Translate the text below into Chinese, as a person would write it who thinks in Chinese.

Keep every formula, number and \boxed{} exactly as it stands, and the marks <think> and </think> where they are. Leave nothing out, add
nothing, correct nothing: what is wrong in the text stays wrong. Reply with the translation only.

Text:
{text}"""
"""Our own words: the paper does not publish its prompt."""
AGAIN = """

Your translation has lost: {lost}. Write the whole translation again with it."""
LIKELY_TEXT = 800
_MATH = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$|\\\(.+?\\\)|\\\[.+?\\\]|\\boxed\{(?:[^{}]|\{[^{}]*\})*\}", re.DOTALL)
_WORDS = re.compile(r"\\(?:text|mbox|textbf|mathrm)\s*\{[^{}]*\}")
_MARK = re.compile(r"</?think>")
_NUMBER = re.compile(r"(?<![A-Za-z\d_.,])\d+(?:,\d{3})*(?:\.\d+)?(?![A-Za-z\d])")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")
LEAST_CHINESE = 0.6
"""The share of Chinese among ideographs (two of them as one) and Latin words outside formulas."""


def kept(text: str) -> Counter[str]:
    """What a translation must have as often as its text: formulas without their words, marks of a thought, numbers in plain text."""
    formulas = [_plain(found) for found in _MATH.findall(text)]
    rest = _MATH.sub(" ", text)
    numbers = [found.replace(",", "") for found in _NUMBER.findall(rest)]
    return Counter([*formulas, *_MARK.findall(rest), *numbers])


def _plain(formula: str) -> str:
    """A formula without its dollar signs, spaces and words, so that `$x = 1$` and `\\(x=1\\)` are one."""
    inner = re.sub(r"^(?:\$\$|\$|\\\(|\\\[)|(?:\$\$|\$|\\\)|\\\])$", "", formula)
    return "".join(_WORDS.sub("", inner).split())


def is_chinese(text: str) -> bool:
    """Is what stands outside formulas Chinese? A text without words is whatever it should be."""
    rest = re.sub(r"\\[A-Za-z]+", " ", _MARK.sub(" ", _MATH.sub(" ", text)))
    chinese, latin = len(_CHINESE.findall(rest)) / 2, len(_LATIN.findall(rest))
    return chinese + latin == 0 or chinese / (chinese + latin) >= LEAST_CHINESE


def wrong(text: str, translation: str) -> tuple[str, str]:
    """What a translation lacks: the kind (empty, language, formulas, answer; "" for nothing), and what is lost in words."""
    if not translation:
        return "empty", "everything"
    if not is_chinese(translation):
        return "language", "the Chinese: it is written in another language"
    if lost := kept(text) - kept(translation):
        return "formulas", ", ".join(f"{formula!r}" for formula in list(lost)[:8])
    answer = extract(text)
    if answer.method == "boxed" and not grade_answer(answer.text, extract(translation).text).correct:
        return "answer", f"the final answer {answer.text!r}"
    return "", ""


@dataclass(frozen=True)
class Translated:
    """One example in the other language, or why there is none."""

    example: Example | None
    why: str = ""
    again: int = 0


@dataclass(frozen=True, kw_only=True)
class Translate(Spends, Stage[Table[Example]]):
    r"""A model translates the question and the response of each example into Chinese; both are checked.

    Every formula, every number and the final answer have to be found again, and the text has to be Chinese. What is lost is named and asked
    for once more; then the translation is left out and counted by its reason. Facts: `translated`, `asked_again`, `left_out`.

    Errors: StageFailed if no translation passes and no original is kept.
    """

    role: ClassVar[Role] = "writing"
    does: ClassVar[str] = "a model translates the thoughts, formulas and answers checked"

    thoughts: Stage[Table[Example]]
    """What is translated."""
    teacher: Teacher
    """Who translates."""
    prompt: str = PROMPT
    """What the teacher is told: {text} is filled in, the question and the response in turn."""
    keep_originals: bool = True
    """Keep the originals too, each before its translation: mixed data as in the paper."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from without(self.prompt, "prompt", ("text",))
        if why := self.budget.unguarded(self.teacher):
            yield "budget", why

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["thoughts"].rows
        if rows is None:
            return Expect(uncounted=True, remark="two requests for each example, or more")
        found = self.teacher.expect(2 * rows, likely_tokens(self.prompt) + LIKELY_TEXT, 4 * rows)
        return replace(found, rows=rows * (1 + self.keep_originals), remark="the question and the thought of each example")

    def preflight(self) -> Iterator[str]:
        yield from self.teacher.obstacles()

    @property
    def gpus(self) -> int:
        return self.teacher.gpus

    def make(self, work: Work) -> None:
        examples = list(work.open(self.thoughts))
        behind = 1 + max((example.draw for example in examples), default=0)
        with Asking[Translated]((self.teacher,), self.budget, work, "translations") as asking:
            found = asking.run([self.translate(example, behind) for example in examples])
            called = asking.facts([example.problem for example in examples])
        rows = work.write(Example, self._rows(examples, found))
        left_out = Counter(one.why for one in found if one.why)
        work.note(
            translated=sum(one.example is not None for one in found), asked_again=sum(one.again for one in found),
            left_out=sum(left_out.values()), left_out_by=dict(sorted(left_out.items())), **called,
        )  # fmt: skip
        if not rows:
            raise StageFailed(f"no translation keeps formulas and answer ({dict(left_out)}); look at them in the request cache, "
                              "or choose another teacher")  # fmt: skip

    def _rows(self, examples: list[Example], found: list[Translated]) -> Iterator[Example]:
        for example, one in zip(examples, found, strict=True):
            if self.keep_originals:
                yield example
            if one.example is not None:
                yield one.example

    def translate(self, example: Example, behind: int) -> Exploring[Translated]:
        """Question and response; `behind` is the first number of a draw that no original has."""
        texts, again = (example.prompt, example.response), 0
        asked = [filled(self.prompt, {"text": text}) for text in texts]
        answers = yield [Ask(self.teacher, question) for question in asked]
        said = [answer.text.strip() if answer.usable else "" for answer in answers]
        lacking = [wrong(text, translation) for text, translation in zip(texts, said, strict=True)]
        missing = [place for place, (why, _) in enumerate(lacking) if why]
        if missing:
            again = len(missing)
            answers = yield [Ask(self.teacher, asked[place] + filled(AGAIN, {"lost": lacking[place][1]})) for place in missing]
            for place, answer in zip(missing, answers, strict=True):
                said[place] = answer.text.strip() if answer.usable else ""
        why = next((found for text, own in zip(texts, said, strict=True) if (found := wrong(text, own)[0])), "")
        if why:
            return Translated(None, why, again)
        new = replace(example, prompt=said[0], response=said[1], draw=behind + example.draw, origin=self.teacher.model)
        return Translated(new, "", again)
