import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest

from o1exp.chat.client import Client
from o1exp.chat.request import Request
from o1exp.chat.servers.addition import Slip, columns, last_sum, partial_sums
from o1exp.chat.servers.procedural import Procedural
from o1exp.chat.teacher import Budget
from o1exp.flow import Console, SettingsError, Stage, Store, Work
from o1exp.records import Example, Table
from tests.waiting import LONG

SUMS = [(a, b, c) for a in range(10, 100, 7) for b in range(10, 100, 11) for c in (12, 58)]
CLEAN = Procedural(mistake_rate=0, wrong_turn_rate=0, check_rate=0)


def boxed(text: str) -> int:
    found = re.findall(r"\\boxed\{(\d+)\}", text)
    assert len(found) == 1, text
    return int(found[0])


def body(text: str, **fields: object) -> dict[str, object]:
    return {"model": "procedural", "messages": [{"role": "user", "content": text}], **fields}


def test_a_clean_thought_writes_out_every_column() -> None:
    assert CLEAN.thought((47, 38, 12), 0) == (
        "Ones: 7+8=15, 15+2=17, write 7, carry 1.\nTens: 1+4=5, 5+3=8, 8+1=9, write 9.\nSo \\boxed{97}"
    )


@pytest.mark.parametrize("style", ["columns", "sums"])
def test_without_mistakes_every_answer_is_right_whatever_the_detours(style: str) -> None:
    teacher = Procedural(mistake_rate=0, wrong_turn_rate=0.5, check_rate=0.5, style=style)  # type: ignore[arg-type]
    for seed, operands in enumerate([*SUMS, (5, 6), (99999, 1), (0, 0, 0), (7, 1234), tuple(range(90, 100))]):
        assert boxed(teacher.thought(operands, seed)) == sum(operands)


@pytest.mark.parametrize("style", ["columns", "sums"])
def test_a_mistake_is_always_wrong_and_never_announced(style: str) -> None:
    teacher = Procedural(mistake_rate=1, wrong_turn_rate=0.5, check_rate=0.5, style=style)  # type: ignore[arg-type]
    for seed, operands in enumerate([*SUMS, (5, 6), (99999, 1), (0, 0, 0), (7, 1234)]):
        thought = teacher.thought(operands, seed)
        assert boxed(thought) != sum(operands)
        assert "Wait" not in thought


def test_rates_are_kept() -> None:
    teacher, seeds = Procedural(mistake_rate=0.15, wrong_turn_rate=0.1, check_rate=0.2), range(3000)
    thoughts = [teacher.thought((47, 38, 12), seed) for seed in seeds]
    wrong = sum(boxed(thought) != 97 for thought in thoughts) / len(seeds)
    turns = sum("Wait" in thought for thought in thoughts) / len(seeds)
    assert 0.13 < wrong < 0.17
    assert 0.85 * 0.08 < turns < 0.85 * 0.12


def test_every_step_but_the_announced_slips_is_true_arithmetic() -> None:
    teacher = Procedural(mistake_rate=0, wrong_turn_rate=1, check_rate=0.5)
    again = 0
    for seed, operands in enumerate(SUMS):
        thought = teacher.thought(operands, seed)
        steps = re.findall(r"(\d+)\+(\d+)=(\d+)(\. Wait, let me check)?", thought)
        false = [step for step in steps if int(step[0]) + int(step[1]) != int(step[2])]
        assert len(false) == 1, "a thought takes one wrong turn"
        redone = "Let me add again" in thought
        again += redone
        assert redone or false[0][3], "and notices it"
    assert 0.3 < again / len(SUMS) < 0.7


def test_the_seed_decides_and_the_rates_too() -> None:
    teacher = Procedural()
    assert len({teacher.thought((47, 38), seed) for seed in range(200)}) > 3
    assert [teacher.thought((47, 38), 5) for _ in range(3)] == [teacher.thought((47, 38), 5)] * 3
    assert Procedural().own_settings() != Procedural(mistake_rate=0.2).own_settings(), "the request cache must tell them apart"


def test_a_slip_never_writes_a_negative_number() -> None:
    assert columns((10, 20), Slip(0, 0, -1)) == (["Ones: 0+0=1, write 1.", "Tens: 1+2=3, write 3."], 31)
    assert partial_sums((10, 20)) == (["10+20=30."], 30)


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("Compute 47+38.", (47, 38)), ("Compute 47 + 38 + 12.", (47, 38, 12)), ("What is $12 + 3$?", (12, 3)), ("47+38=?", (47, 38)),
        ("Example: 1+1=2. Now compute 3 + 4\nThink on 2024-11-25.", (3, 4)), ("1+2, then 3+4, and last 5+6.", (5, 6)),
        ("3*4+5", None), ("1.5+3", None), ("7-2+3", None), ("Prove Fermat's last theorem.", None), ("", None),
        ("9" * 5000 + "+1", None),
    ],
)  # fmt: skip
def test_the_last_sum_is_found(text: str, operands: tuple[int, ...] | None) -> None:
    assert last_sum(text) == operands


def test_replies_count_bytes_and_respect_the_limit() -> None:
    teacher = CLEAN
    whole = teacher.answer(body("Think, then box. Compute 47+38.", seed=3))
    assert (boxed(whole.text), whole.finish_reason, whole.completion_tokens, whole.prompt_tokens) == (85, "stop", len(whole.text), 31)
    cut = teacher.answer(body("Compute 47+38.", max_tokens=10))
    assert (cut.text, cut.finish_reason, cut.completion_tokens) == (whole.text[:10], "length", 10)


def test_what_it_cannot_do_it_says() -> None:
    reply = Procedural().answer(body("Prove that there are infinitely many primes."))
    assert reply.finish_reason == "stop"
    assert "\\boxed" not in reply.text
    assert reply.text


def test_the_question_may_stand_in_an_earlier_message() -> None:
    messages = [{"role": "user", "content": "47+38"}, {"role": "assistant", "content": "1+1"}, {"role": "user", "content": "Go on."}]
    assert boxed(CLEAN.answer({"messages": messages}).text) == 85


def test_rates_beyond_one_are_refused() -> None:
    with pytest.raises(SettingsError, match="mistake_rate"):
        Procedural(mistake_rate=1.5)


class Think(Stage[Table[Example]]):
    """Asks the teacher that it is given one question, several times."""

    def make(self, work: Work) -> None:
        with Client(TEACHER, Budget(), work) as client:
            answers = client.ask([Request.user("Compute 47+38.", draw) for draw in range(20)])
            work.write(Example, [Example(problem="p", prompt="", response=answer.text, draw=n) for n, answer in enumerate(answers)])


TEACHER = Procedural(wrong_turn_rate=0.5, check_rate=0.5)


def test_the_client_reaches_it_over_http(tmp_path: Path) -> None:
    rows = list(Store(tmp_path, Console()).get(Think()))
    assert len(rows) == 20
    assert len({row.response for row in rows}) > 2, "draws differ"
    assert 85 in {boxed(row.response) for row in rows}


def test_it_is_served_alone_with_a_log(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    command = [sys.executable, "-m", "o1exp.chat.servers.procedural", "--log", str(log), "--delay-ms", "1", "--mistake-rate", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            for seed in range(3):
                asked = HttpRequest(f"{url}/chat/completions", json.dumps(body("Compute 47+38.", seed=seed)).encode())
                with urlopen(asked, timeout=LONG) as reply:
                    assert boxed(json.load(reply)["choices"][0]["message"]["content"]) == 85
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=LONG) == 0
    assert len(log.read_text().splitlines()) == 3
