"""A study through the batch API, as a process: python -m tests.chat.batched OUTPUTS ADDRESS."""

import sys
from pathlib import Path

from o1exp.chat.teacher import Budget, Teacher
from tests.chat.parts import Ask, quiet_store

CAP = 1.2


def study(address: str, count: int = 20) -> Ask:
    teacher = Teacher(
        model="m", base_url=address, batch=True, batch_poll=0.05, usd_per_million_prompt=1000, usd_per_million_completion=1000,
        max_tokens=40, retries=2,
    )  # fmt: skip
    return Ask(teacher=teacher, count=count, budget=Budget(usd=CAP))


if __name__ == "__main__":
    quiet_store(Path(sys.argv[1]))[0].get(study(sys.argv[2]))
