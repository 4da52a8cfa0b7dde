"""A procedural teacher: a program, no model, that writes long thoughts about sums, with detours and mistakes at set rates.

`python -m o1exp.chat.servers.procedural --port 8000` serves it alone.
"""

import argparse
import hashlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from o1exp.chat.endpoint import LocalServer
from o1exp.chat.servers.addition import Operands, Slip, check, columns, last_sum, partial_sums
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.chat.servers.played import Rates, played
from o1exp.chat.teacher import Teacher
from o1exp.flow import Above, AtLeast, Between, SettingsError, Work, added, how


@dataclass(frozen=True, kw_only=True)
class Procedural(LocalServer, Teacher):
    """Writes out column addition; what it writes depends on the question and the request's seed alone, whatever the temperature.

    Its tokens are bytes.
    """

    model: str = "procedural"
    max_tokens: Annotated[int, AtLeast(1)] = 1024
    style: Literal["columns", "sums"] = "columns"
    """columns works digit by digit, sums writes partial sums only."""
    mistake_rate: Annotated[float, Between(0, 1)] = 0.15
    """The share of thoughts that end in a wrong answer which nobody noticed."""
    wrong_turn_rate: Annotated[float, Between(0, 1)] = 0.1
    """The share of thoughts that take a wrong turn which is noticed and mended."""
    check_rate: Annotated[float, Between(0, 1)] = 0.2
    """The share of thoughts that check the ones in the opposite order."""
    slip_rate: Annotated[float, Between(0, 1)] = added(0.2)
    """The share of single steps, as a search asks for them, that are wrong."""
    misjudge_rate: Annotated[float, Between(0, 1)] = added(0.05)
    """The share of judgements on a step that are wrong, whichever way."""
    reflect_rate: Annotated[float, Between(0, 1)] = added(0.2)
    """The share of steps behind which a model that chooses for itself looks at the sum once more."""
    lose_rate: Annotated[float, Between(0, 1)] = added(0.1)
    """The share of rewrites that lose a step."""
    expected_prompt_tokens: Annotated[int, AtLeast(0)] = how(200)
    expected_completion_tokens: Annotated[int, AtLeast(0)] = how(110)
    expected_tokens_per_second: Annotated[float, Above(0)] = how(1000.0)

    @contextmanager
    def started(self, work: Work) -> Iterator[str]:
        with Loopback(self.answer) as server:
            yield server.base_url

    def unable(self, text: str) -> str:
        return "" if last_sum(text) else "the procedural teacher only adds whole numbers"

    def answer(self, body: dict[str, Any]) -> Reply:
        """The reply to a chat completion request: what a search asks for, or a thought about the last sum that the user wrote."""
        asked = [str(message["content"]) for message in body["messages"] if message["role"] == "user"]
        operands = next((found for text in reversed(asked) if (found := last_sum(text))), None)
        rates = Rates(self.slip_rate, self.misjudge_rate, self.reflect_rate, self.lose_rate)
        if (part := played(asked[-1] if asked else "", int(body.get("seed") or 0), rates)) is not None:
            text = part
        elif operands is None:
            text = "I can only add whole numbers, and I see no sum here."
        else:
            text = self.thought(operands, int(body.get("seed") or 0))
        prompt = sum(len(str(message["content"]).encode()) for message in body["messages"])
        limit = int(body.get("max_tokens") or len(text))
        return Reply(text[:limit], "stop" if len(text) <= limit else "length", prompt, min(len(text), limit))

    def thought(self, operands: Operands, seed: int) -> str:
        """One thought, in ASCII, that ends in a boxed answer."""
        random = Random(hashlib.sha256(f"{operands} {seed}".encode()).digest())
        mistaken, turns, checks = (random.random() < rate for rate in (self.mistake_rate, self.wrong_turn_rate, self.check_rate))
        place, step, by = random.randrange(len(str(max(operands)))), random.randrange(len(operands) - 1), random.choice((-1, 1))
        if self.style == "sums":
            lines, total = partial_sums(operands, Slip(0, step, by) if mistaken else None)
        elif mistaken:
            lines, total = columns(operands, Slip(place, step, by))
            # A check of the ones would bring a mistake there to light.
            lines += [f"{check(operands)} Right."] if checks and place > 0 else []
        elif turns and checks:
            spoilt, _ = columns(operands, Slip(0, step, by))
            again, total = columns(operands)
            lines = [*spoilt, f"{check(operands)} Wait, that is not what I had. Let me add again.", *again]
        else:
            lines, total = columns(operands, Slip(place, step, by, noticed=True) if turns else None)
            lines += [f"{check(operands)} Right."] if checks else []
        return "\n".join([*lines, f"So \\boxed{{{total}}}"])


def main() -> None:
    """Serve the teacher alone until interrupted."""
    rates = Procedural()
    parser = argparse.ArgumentParser(
        prog="python -m o1exp.chat.servers.procedural", description="Serve the procedural teacher on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--log", type=Path, help="append one JSON line per finished request to this file")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="wait before each answer")
    parser.add_argument("--mistake-rate", type=float, default=rates.mistake_rate)
    parser.add_argument("--wrong-turn-rate", type=float, default=rates.wrong_turn_rate)
    parser.add_argument("--check-rate", type=float, default=rates.check_rate)
    asked = parser.parse_args()
    try:
        teacher = Procedural(mistake_rate=asked.mistake_rate, wrong_turn_rate=asked.wrong_turn_rate, check_rate=asked.check_rate)
    except SettingsError as wrong:
        parser.error(str(wrong))
    done = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda number, frame: done.set())
    with Loopback(teacher.answer, asked.log, asked.delay_ms / 1000, asked.port) as server:
        print(server.base_url, flush=True)
        while not done.wait(0.5):  # by turns, as a signal that another thread took is seen only then
            pass


if __name__ == "__main__":
    main()
