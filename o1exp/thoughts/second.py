"""A second opinion on the attempts whose verdict rests on a fallback: math-verify, or a model behind any endpoint."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from o1exp.chat.request import Answer, Request
from o1exp.records import Example

if TYPE_CHECKING:
    from o1exp.answers.grade import Verdict
    from o1exp.chat.client import Calls, Client

DISAGREEMENTS = "disagreements.jsonl"
"""The file of an artefact that lists them, one a line."""
PROMPT = r"""Below are the right answer to a problem, the problem, and the end of a response to it.

Is the final answer of the response the same as the right answer? Forms may differ (1/2 and 0.5 are the same), values may not. Do not solve
the problem. Reply with one word: yes or no.

Right answer: {gold}

Problem:
{question}

End of the response:
{response}"""
_SHOWN = 4000
"""Letters at the end of a response that a model sees."""
_YES_NO = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Doubt:
    """An attempt whose verdict rests on a fallback. `right` is our verdict, `second` the other one, None where it says neither."""

    id: str
    problem: str
    gold: str
    found: str
    method: str
    right: bool
    second: bool | None = None


def fell_back(gold: str, verdict: "Verdict") -> bool:
    """Whether no answer was announced, or one side lies outside the grammar, so that our verdict is less certain than others."""
    from o1exp.answers.kinds import Opaque
    from o1exp.answers.read import read

    if verdict.correct is None:
        return False
    return verdict.method in ("end", "number", "none") or any(
        isinstance(reading, Opaque) for reading in read(gold) + read(verdict.extracted)
    )


def verified(doubts: Sequence[tuple[Doubt, Example]]) -> list[Doubt]:
    """What math-verify says to each whole response. Errors: RuntimeError where it is not installed."""
    from o1exp.answers.symbolic import SYMBOLIC
    from o1exp.answers.thought import parted

    answers = [parted(example.response).answer for _, example in doubts]
    return [replace(doubt, second=SYMBOLIC.found_in(doubt.gold, text)) for (doubt, _), text in zip(doubts, answers, strict=True)]


def asked(doubts: Sequence[tuple[Doubt, Example]], client: "Client") -> tuple[list[Doubt], "dict[str, Calls]"]:
    """What a model says to each of them, and what was asked about each problem."""
    from o1exp.chat.client import Calls

    answers = list(client.ask([_request(doubt, example) for doubt, example in doubts], "second opinions"))
    calls = {example.problem: Calls() for _, example in doubts}
    for (_, example), answer in zip(doubts, answers, strict=True):
        calls[example.problem].add(answer)
    return [replace(doubt, second=_said(answer)) for (doubt, _), answer in zip(doubts, answers, strict=True)], calls


def _request(doubt: Doubt, example: Example) -> Request:
    known = {"{gold}": doubt.gold, "{question}": example.prompt, "{response}": example.response[-_SHOWN:]}
    return Request.user(re.sub(r"\{(?:gold|question|response)\}", lambda found: known[found[0]], PROMPT))


def _said(answer: Answer) -> bool | None:
    """The last word of the reply where it is yes or no, else the first; None where it is neither, or nothing came."""
    if not answer.usable:
        return None
    words = answer.text.split()
    found = next((match for word in (words[-1:] + words[:1]) if (match := _YES_NO.match(word))), None)
    return found[1].lower() == "yes" if found else None


def write(path: Path, doubts: Iterable[Doubt]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(asdict(doubt), ensure_ascii=False) + "\n" for doubt in doubts), encoding="utf-8")


def read_disagreements(folder: Path) -> list[Doubt]:
    """Those that an artefact lists; none where it lists none."""
    path = folder / DISAGREEMENTS
    return [Doubt(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
