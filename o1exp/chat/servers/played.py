"""What a procedural model writes when a search asks it: steps of a sum, judgements, choices and rewrites, wrong at set rates."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from o1exp.chat import headings
from o1exp.chat.servers.addition import Operands, Slip, check, column_line, last_sum

_COLUMN = re.compile(r"(?:Ones|Tens|Hundreds|Thousands|Column \d+): (.*), write (\d+)(?:, carry (\d+))?\.")
_BOX = re.compile(r"\\boxed\{(\d+)\}")


@dataclass(frozen=True)
class Rates:
    """The share of steps that are wrong, of judgements that are, of moments at which the sum is looked at once more, of lost steps."""

    slip: float
    misjudge: float
    reflect: float
    lose: float


def played(text: str, seed: int, rates: Rates) -> str | None:
    """The reply to a prompt with one of the searches' tasks in it; None for any other prompt."""
    parts = headings.sections(text)
    task = next((task for task in headings.TASKS if task in parts), "")
    if not task:
        return None
    luck = Random(f"{seed} {text}")
    if task == headings.REWRITE:
        return _rewritten(_steps(parts, headings.DRAFT), _steps(parts, headings.LOST), luck, rates)
    operands = last_sum(parts.get(headings.PROBLEM, ""))
    if operands is None:
        return "I can only add whole numbers, and I see no sum here."
    steps = _steps(parts, headings.STEPS)
    if task == headings.JUDGE:
        return _judged(operands, steps, parts.get(headings.STEP, ""), luck, rates)
    if task == headings.CRITIC:
        wrong, reason = _doubted(operands, steps[:-1], "".join(steps[-1:]), luck, rates)
        return f"Action: backtrack\n{reason}" if wrong else "Action: continue\nThat holds."
    if task == headings.ACTIONS:
        return _chosen(operands, steps, parts.get(headings.TRACE, ""), luck, rates)
    if task == headings.REST:
        return "\n\n".join(_rest(operands, steps, luck, rates))
    return _next(operands, steps, luck, rates.slip)


def _steps(parts: Mapping[str, str], heading: str) -> list[str]:
    found = [step.strip() for step in parts.get(heading, "").split("\n\n") if step.strip()]
    return [] if found == ["(none)"] else found


def _written(steps: Sequence[str]) -> list[re.Match[str]]:
    """The columns that are done."""
    return [found for step in steps if (found := _COLUMN.fullmatch(step))]


def _next(operands: Operands, steps: Sequence[str], luck: Random, slip: float) -> str:
    """The column that comes next, wrong at that rate, or the answer when all are done."""
    done = _written(steps)
    if len(done) >= len(str(max(operands))):
        return f"So \\boxed{{{_total(done)}}}"
    carry = int(done[-1][3] or 0) if done else 0
    slips = Slip(len(done), luck.randrange(len(operands) - 1), luck.choice((-1, 1))) if luck.random() < slip else None
    return column_line(operands, len(done), carry, slips)[0]


def _total(done: Sequence[re.Match[str]]) -> int:
    return sum(int(found[2]) * 10**place for place, found in enumerate(done))


def _rest(operands: Operands, steps: Sequence[str], luck: Random, rates: Rates) -> list[str]:
    own = list[str]()
    while not own or "boxed" not in own[-1]:
        own.append(_next(operands, [*steps, *own], luck, rates.slip))
    return own


def _fault(operands: Operands, before: Sequence[str], step: str) -> str:
    """What is wrong with a step, given what stands before it; "" for nothing."""
    right = _next(operands, before, Random(0), 0.0)
    if (found := _COLUMN.fullmatch(step)) and (meant := _COLUMN.fullmatch(right)):
        return "" if found.group(2, 3) == meant.group(2, 3) else f"It is {meant[1]}."
    if (answer := _BOX.search(step)) and (total := _BOX.search(right)):
        return "" if answer[1] == total[1] else f"The digits make {total[1]}."
    return "" if step.startswith("Check") else "That does not come next."


def _doubted(operands: Operands, before: Sequence[str], step: str, luck: Random, rates: Rates) -> tuple[bool, str]:
    """Is the step taken for wrong, and why?"""
    fault = _fault(operands, before, step)
    if luck.random() < rates.misjudge:
        return (False, "") if fault else (True, "I do not trust that.")
    return bool(fault), fault


def _judged(operands: Operands, steps: Sequence[str], step: str, luck: Random, rates: Rates) -> str:
    wrong, reason = _doubted(operands, steps, step, luck, rates)
    return f"Verdict: wrong\nReason: {reason}" if wrong else "Verdict: right\nReason: It follows."


def _chosen(operands: Operands, steps: Sequence[str], trace: str, luck: Random, rates: Rates) -> str:
    """The next action of a model that looks at its own steps; told of a wrong end it looks at all of them, and well."""
    told = trace.rstrip().splitlines()[-1:] == ["[result] That answer is wrong."] or "gave up after a wrong answer" in trace[-200:]
    looked = range(len(steps)) if told else range(max(0, len(steps) - 1), len(steps))
    for place in looked:
        fault = _fault(operands, steps[:place], steps[place])
        if fault and (told or luck.random() >= rates.misjudge):
            more = "" if place == len(steps) - 1 else " I gave up after a wrong answer, and look further back."
            return f"Action: backtrack\nWait. {fault} Let me go back.{more}"
    if steps and not steps[-1].startswith("Check") and luck.random() < rates.reflect:
        return f"Action: reflect\n{check(operands)} Right."
    step = _next(operands, steps, luck, rates.slip)
    return f"Action: {'terminate' if 'boxed' in step else 'continue'}\n{step}"


def _rewritten(steps: Sequence[str], lost: Sequence[str], luck: Random, rates: Rates) -> str:
    """The steps, a line each; at a rate one of them is lost, and once it is named it is there."""
    kept = list(steps)
    if not lost and len(kept) > 1 and luck.random() < rates.lose:
        kept.pop(luck.randrange(len(kept) - 1))
    return "\n".join(kept)
