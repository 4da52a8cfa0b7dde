"""A tree search over forty sums, as a process: python -m tests.thoughts.searched OUTPUTS ADDRESS."""

import sys
from pathlib import Path

from o1exp.chat import slots
from o1exp.chat.teacher import Teacher
from o1exp.flow import Store
from o1exp.thoughts.judge import Prompted
from o1exp.thoughts.tree import TreeSearch
from tests.thoughts.searching import Problems

SUMS = tuple(f"{a}+{b}" for a in range(13, 93, 11) for b in (17, 29, 46, 58, 85))


def asked(address: str, model: str) -> Teacher:
    return Teacher(model=model, base_url=address, concurrency=4, retries=3)


def study(address: str) -> TreeSearch:
    return TreeSearch(
        problems=Problems(sums=SUMS), teacher=asked(address, "policy"), judge=Prompted(teacher=asked(address, "judge")), beam=2
    )


if __name__ == "__main__":
    slots.FIRST_PAUSE, slots.LONGEST_LOOK = 0.02, 0.2
    Store(Path(sys.argv[1])).get(study(sys.argv[2]))
