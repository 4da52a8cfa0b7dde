"""A study of 500 problems, as a process: python -m tests.chat.storm OUTPUTS ADDRESS BUDGET."""

import sys
from pathlib import Path

from o1exp.chat import slots
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Store
from o1exp.thoughts.distil import Distil
from tests.thoughts.parts import Given

COUNT, DRAWS, MOST = 500, 3, 40


def study(address: str, usd: float | None) -> Distil:
    teacher = Teacher(
        model="m", base_url=address, concurrency=16, max_tokens=MOST, timeout=1.0, retries=8, usd_per_million_prompt=1000,
        usd_per_million_completion=1000,
    )  # fmt: skip
    return Distil(problems=Given(count=COUNT), teacher=teacher, draws=DRAWS, prompt="{question}", budget=Budget(usd=usd))


if __name__ == "__main__":
    slots.FIRST_PAUSE, slots.LONGEST_LOOK = 0.02, 0.2
    Store(Path(sys.argv[1])).get(study(sys.argv[2], float(sys.argv[3])))
