"""Addition in columns, written out, with slips where they are wanted."""

import re
from dataclasses import dataclass

Operands = tuple[int, ...]

PLACES = ("Ones", "Tens", "Hundreds", "Thousands")
EXPRESSION = re.compile(r"[\d.]+(?:\s*[-+*/^=]\s*[\d.]+)+")
SUM = re.compile(r"\d{1,18}(?:\s*\+\s*\d{1,18})+")


@dataclass(frozen=True)
class Slip:
    """One step goes wrong: in column `place` (0: the ones), at its `step`-th addition, by `by`; `noticed` if it is mended on the spot."""

    place: int
    step: int
    by: int
    noticed: bool = False

    def wrong(self, right: int) -> int:
        return right + (self.by if right > 0 else 1)


def last_sum(text: str) -> Operands | None:
    """The operands of the last sum of whole numbers in the text; longer expressions with other signs are none."""
    found = [match.group().rstrip(".") for match in EXPRESSION.finditer(text)]
    sums = [expression for expression in found if SUM.fullmatch(expression)]
    return tuple(int(number) for number in sums[-1].split("+")) if sums else None


def columns(operands: Operands, slip: Slip | None = None) -> tuple[list[str], int]:
    """Written-out column addition, a line for each column from the ones on, and the total that it comes to."""
    lines, total, carry = [], 0, 0
    for place in range(len(str(max(operands)))):
        line, written, carry = column_line(operands, place, carry, slip if slip and slip.place == place else None)
        total += written * 10**place
        lines.append(line)
    return lines, total


def column_line(operands: Operands, place: int, carry: int, slip: Slip | None) -> tuple[str, int, int]:
    """The line of one column, what is written there, and what is carried."""
    digits = [number // 10**place % 10 for number in operands]
    steps, running = column([carry, *digits] if carry else digits, slip)
    carry, written = divmod(running, 10) if place < len(str(max(operands))) - 1 else (0, running)
    name = PLACES[place] if place < len(PLACES) else f"Column {place + 1}"
    return f"{name}: {steps}, write {written}" + (f", carry {carry}." if carry else "."), written, carry


def column(digits: list[int], slip: Slip | None) -> tuple[str, int]:
    """The additions of one column and what they come to."""
    running, steps = digits[0], []
    for at, digit in enumerate(digits[1:]):
        term, right = f"{running}+{digit}", running + digit
        running = right
        if slip is not None and slip.step == at:
            steps.append(f"{term}={slip.wrong(right)}" + (f". Wait, let me check: {term}={right}" if slip.noticed else ""))
            running = right if slip.noticed else slip.wrong(right)
        else:
            steps.append(f"{term}={right}")
    return ", ".join(steps), running


def check(operands: Operands) -> str:
    """The ones once more, in the opposite order."""
    steps, _ = column([number % 10 for number in reversed(operands)], None)
    return f"Check the ones: {steps}."


def partial_sums(operands: Operands, slip: Slip | None = None) -> tuple[list[str], int]:
    """One line for each operand added, without the digits and carries."""
    running, lines = operands[0], []
    for at, number in enumerate(operands[1:]):
        total = running + number + (slip.by if slip is not None and slip.step == at else 0)
        lines.append(f"{running}+{number}={total}.")
        running = total
    return lines, running
