"""What is noticed of the answers that a stage gets: counted in its facts, and told where somebody should know."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from o1exp.chat.request import Answer, Message, Request
from o1exp.chat.teacher import Teacher
from o1exp.records.finish import ending

NONE, UNNAMED = "none", "no reason"
"""How an answer without a thought, and one that ended without saying why, are called in counts."""
LONGEST = 200
"""Characters of a name or of a provider's words in the facts."""
_DATED = re.compile(r"[-@:_.](?:\d[\d.-]*|latest|free|preview|v\d+)+$", re.IGNORECASE)


class Noticed:
    """Watches the answers of one teacher, each once."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self._repeats = Repeats()
        self._thoughts, self._endings, self._refusals, self._models, self._addresses = (Counter[str]() for _ in range(5))
        self._seen = self._cut = self._mended = 0

    def saw(self, answer: Answer) -> None:
        if answer.usable:
            self._repeats.saw(answer.request, answer.thinking)
        if answer.twin:
            return
        reason = answer.completion.finish_reason
        self._seen += 1
        self._cut += answer.cut
        if answer.usable:
            self._thoughts[answer.form or NONE] += 1
        elif not ending(reason):
            self._endings[(reason or UNNAMED)[:LONGEST]] += 1
        elif ending(reason) == "refused":
            self._refusals[(answer.came.refusal or reason)[:LONGEST]] += 1
        if not same_model(self._teacher.model, answer.completion.model):
            self._models[answer.completion.model[:LONGEST]] += 1
        if answer.came.address:
            self._addresses[answer.came.address] += 1
        self._mended += answer.came.mended

    def facts(self) -> dict[str, Any]:
        """Counts by name, as far as there is anything to count."""
        found = {
            "thoughts": self._thoughts, "unknown_endings": self._endings, "refusals": self._refusals, "other_models": self._models,
            "addresses": self._addresses,
        }  # fmt: skip
        counts = {name: dict(sorted(counter.items())) for name, counter in found.items() if counter}
        return {**counts, **({"mended": self._mended} if self._mended else {}), **({"draws_identical": True} if self._ignored else {})}

    def warnings(self) -> Iterator[str]:
        """Sentences for the terminal."""
        model = self._teacher.model
        if self._cut:
            yield (
                f"{self._cut} of {self._seen} answers of {model} were cut off at their limit (max_tokens={self._teacher.max_tokens}) and "
                "are not used as whole ones; raise max_tokens if that is too many"
            )
        if self._endings:
            yield (
                f"{_total(self._endings)} answers of {model} ended for a reason that nobody knows ({_listed(self._endings)}); they are not "
                "used as whole ones"
            )
        if self._refusals:
            yield f"{_total(self._refusals)} requests to {model} were refused and are left out ({_listed(self._refusals)})"
        if self._models:
            yield f"{_total(self._models)} answers name another model than {model}, which was asked: {_listed(self._models)}"
        if len(self._addresses) > 1 + len(self._teacher.others):
            yield f"the answers of {model} come from several addresses: {_listed(self._addresses)}"
        if NONE in self._thoughts and len(self._thoughts) > 1:
            yield (
                f"{self._thoughts[NONE]} of {_total(self._thoughts)} whole answers of {model} have no thought apart from the answer "
                f"({_listed(self._thoughts)})"
            )
        if self._mended:
            yield f"{self._mended} broken characters (halves of a pair) in the answers of {model} are replaced by \ufffd"
        if self._ignored:
            yield (
                f"{model} seems to ignore temperature and seed: at temperature {self._teacher.temperature or 1:g} all draws are the same "
                f"text for each of {self._ignored} prompts, so more draws bring nothing new"
            )

    @property
    def _ignored(self) -> int:
        return self._repeats.ignored() if self._teacher.temperature != 0 else 0


def together(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one client with those that another one of the same stage noted before: counts are added."""
    found = dict[str, Any]()
    for name, value in more.items():
        before = known.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            found[name] = {key: before.get(key, 0) + value.get(key, 0) for key in sorted(before.keys() | value.keys())}
        else:
            found[name] = value + before if name == "mended" and before else value
    return found


def same_model(asked: str, named: str) -> bool:
    """Is the model that a server names the one that was asked? A date behind the name, or a folder before it, makes no other."""
    one, other = (_DATED.sub("", name.lower().rstrip("/").rsplit("/", 1)[-1]) for name in (asked, named))
    return one == other


def _total(counts: Counter[str]) -> int:
    return sum(counts.values())


def _listed(counts: Counter[str]) -> str:
    """The most frequent names, e.g. "3 x weird, 1 x odd"."""
    return ", ".join([*(f"{count} x {name}" for name, count in counts.most_common(3)), *(["..."] if len(counts) > 3 else [])])


class Repeats:
    """Watches whether repeated draws of a prompt differ at all."""

    def __init__(self) -> None:
        self._texts: dict[tuple[Message, ...], dict[int, int]] = {}

    def saw(self, request: Request, text: str) -> None:
        self._texts.setdefault(request.messages, {})[request.draw] = hash(text)

    def ignored(self) -> int:
        """The number of prompts drawn twice or more, if there are at least three and none of them got two different texts; else 0."""
        repeated = [texts for texts in self._texts.values() if len(texts) > 1]
        return len(repeated) if len(repeated) >= 3 and all(len(set(texts.values())) == 1 for texts in repeated) else 0
