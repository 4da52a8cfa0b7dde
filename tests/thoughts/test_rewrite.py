from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.chat.headings import DRAFT, LOST, sections
from o1exp.chat.servers.loopback import Loopback
from o1exp.flow import Stage, Work
from o1exp.records import Draft, DraftStep, Table
from o1exp.thoughts.found import lost
from o1exp.thoughts.rewrite import Drafted, Rewrite
from tests.thoughts.parts import facts, store, teacher
from tests.thoughts.searching import Asked, Server

STEPS = (
    "Ones: 2+9=10, write 0, carry 1.", "Wait, that is not right. It is 2+9=11. Let me go back.", "Ones: 2+9=11, write 1, carry 1.",
    "Tens: 1+6=7, 7+8=15, write 15.", "So \\boxed{151}",
)  # fmt: skip
GOOD = (
    "First the ones: 2 + 9 = 10, so I write 0 and carry 1. Wait, is that right? No, 2 + 9 = 11. Back again: the ones are $2+9=11$, "
    "I write 1, carry 1. Now the tens, 1+6 = 7 and 7 + 8 = 15, so I write 15. The answer is \\boxed{151}."
)


@dataclass(frozen=True, kw_only=True)
class Walked(Stage[Table[Draft]]):
    """`count` drafts of the steps above."""

    count: int = 1

    def make(self, work: Work) -> None:
        steps = tuple(DraftStep(node=str(place), text=text) for place, text in enumerate(STEPS))
        work.write(Draft, (Draft(problem=f"p{n}", prompt=f"Compute {n}62+89.", steps=steps, origin="m") for n in range(self.count)))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("\n".join(STEPS), []),
        (GOOD, []),
        (" ".join((STEPS[0], *STEPS[2:])), [1]),  # what the detour was given up for
        ("\n".join(STEPS[2:]), [0, 1]),  # a tidy solution without the mistake
        ("\n".join((*STEPS[:2], *STEPS[3:])), [1]),  # one of two that say the same numbers
        ("\n".join((*STEPS[:3], STEPS[4], STEPS[3])), [4]),  # out of their order
        ("", [0, 1, 2, 3, 4]),
    ],
)
def test_each_step_is_found_again_or_lost(text: str, missing: list[int]) -> None:
    assert lost(STEPS, text, 0.8) == missing


def test_a_step_in_words_is_found_by_its_words() -> None:
    steps = ("Let us look at parity first.", "Both sides are odd, a contradiction.", "So there is no solution.")
    assert lost(steps, "I look at the parity first. Both sides turn out odd, which is a contradiction. So there is no solution.", 0.8) == []
    assert lost(steps, "I look at the parity first. So there is no solution.", 0.8) == [1]


def made(root: Path, write: Callable[[Asked], str], count: int = 1) -> tuple[list[str], dict[str, float], Server]:
    server = Server(write)
    with Loopback(server) as at:
        here, stage = store(root), Rewrite(drafts=Walked(count=count), teacher=teacher(at.base_url))
        return [row.response for row in here.get(stage)], facts(here, stage), server


def test_a_rewrite_that_keeps_every_step_is_taken(tmp_path: Path) -> None:
    texts, noted, server = made(tmp_path, lambda asked: GOOD, 2)
    assert texts == [GOOD, GOOD]
    assert (noted["rewritten"], noted["asked_again"], noted["kept_draft"], len(server.asked)) == (2, 0, 0, 2)
    assert sections(server.asked[0].text)[DRAFT].split("\n\n") == list(STEPS)


def test_lost_steps_are_named_and_asked_for_once_more(tmp_path: Path) -> None:
    short = "\n".join(STEPS[2:])
    texts, noted, server = made(tmp_path, lambda asked: GOOD if LOST in asked.text else short)
    assert texts == [GOOD]
    assert (noted["mended"], noted["asked_again"], noted["lost_steps"], noted["kept_draft"]) == (1, 1, 2, 0)
    assert sections(server.asked[1].text)[LOST].startswith("\n\n".join(STEPS[:2]))


def test_where_asking_again_is_no_better_the_draft_is_kept_and_counted(tmp_path: Path) -> None:
    texts, noted, server = made(tmp_path, lambda asked: "\n".join(STEPS[2:]))
    assert texts == ["\n\n".join(STEPS)]
    assert (noted["kept_draft"], noted["answer_changed"], len(server.asked)) == (1, 0, 2)


def test_another_answer_is_no_rewrite(tmp_path: Path) -> None:
    texts, noted, _ = made(tmp_path, lambda asked: GOOD.replace("The answer is \\boxed{151}", "So 151, no, \\boxed{152}"))
    assert texts == ["\n\n".join(STEPS)]
    assert (noted["kept_draft"], noted["answer_changed"]) == (1, 1)


def test_drafts_can_stay_as_they_are(tmp_path: Path) -> None:
    (row,) = store(tmp_path).get(Drafted(drafts=Walked(), between="\n"))
    assert (row.response, row.problem, row.prompt, row.origin) == ("\n".join(STEPS), "p0", "Compute 062+89.", "m")
