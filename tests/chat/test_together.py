"""Several draws of a prompt in one request, where a server draws them: keys, prices and texts are those of single requests."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import slots
from o1exp.chat.layout import NAME
from o1exp.chat.reading import shares
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import BudgetSpent
from tests.chat.parts import Ask, quiet_store, rows
from tests.chat.wire import Out, Speak, completion, pieces, wire


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)


class Drawing:
    """Draws as many choices as it is asked for, at most `most`, each longer than the one before; 10 tokens a prompt, 12 an answer."""

    def __init__(self, most: int = 99) -> None:
        self.most = most
        self.counts: list[int] = []

    def __call__(self, body: dict[str, Any], out: Out) -> None:
        count = body.get("n", 1)
        self.counts.append(count)
        out.whole(self.reply(body, min(count, self.most)))

    def reply(self, body: dict[str, Any], count: int) -> dict[str, Any]:
        question = body["messages"][-1]["content"]
        reply = completion("", usage={"prompt_tokens": 10, "completion_tokens": 12 * count, "total_tokens": 10 + 12 * count})
        message = {"role": "assistant"}
        texts = [f"{question} drawn{'!' * n} {body['seed'] + n}" for n in range(count)]
        choices = [{"index": n, "message": {**message, "content": text}, "finish_reason": "stop"} for n, text in enumerate(texts)]
        return {**reply, "choices": choices[::-1]}


def asked(root: Path, speak: Speak, budget: Budget | None = None, **fields: Any) -> tuple[list[str], dict[str, Any], str]:
    """Three questions of four draws: the texts, the facts, and what the terminal said."""
    store, said = quiet_store(root)
    with wire(speak) as address:
        settings = {"usd_per_million_completion": 1000, "usd_per_million_prompt": 1000, "retries": 2, "max_tokens": 50, "n": 4, **fields}
        teacher = Teacher(**{"model": "m", "base_url": address, **settings})
        stage = Ask(teacher=teacher, count=3, draws=4, budget=budget or Budget())
        found = [row.response for row in store.get(stage)]
    manifest = store.manifest(stage)
    assert manifest is not None
    return found, manifest.facts, said.getvalue()


def test_draws_of_a_prompt_share_a_request_and_its_usage(tmp_path: Path) -> None:
    server = Drawing()
    texts, facts, _ = asked(tmp_path, server)
    assert server.counts == [4, 4, 4]
    assert len(set(texts)) == 12
    assert [text.split()[1] for text in texts] == [str(n) for n in range(3) for _ in range(4)]
    assert [text.count("!") for text in texts[:4]] == [0, 1, 2, 3], "by their numbers, in whatever order they come"
    assert (facts["prompt_tokens"], facts["completion_tokens"], facts["estimated_usage"]) == (30, 144, 12)
    assert rows(tmp_path / NAME, "SELECT round(sum(usd), 9), count(*) FROM ledger") == [(0.174, 12)]
    assert "draws_identical" not in facts


def test_what_was_drawn_together_is_reused_one_by_one_and_the_other_way_round(tmp_path: Path) -> None:
    server = Drawing()
    texts, _, _ = asked(tmp_path, server)
    assert asked(tmp_path, server, concurrency=3, n=1)[0] == texts
    assert server.counts == [4, 4, 4]
    single = Drawing()
    first, _, _ = asked(tmp_path / "single", single, n=1)
    assert asked(tmp_path / "single", single, n=4)[0] == first
    assert single.counts == [1] * 12


@pytest.mark.parametrize("most", [1, 3])
def test_a_server_that_gives_fewer_choices_is_asked_for_the_others_one_by_one(tmp_path: Path, most: int) -> None:
    server = Drawing(most)
    texts, facts, said = asked(tmp_path, server, concurrency=1)
    assert len(texts) == 12
    assert all(texts)
    assert server.counts == ([4, *[1] * 11] if most == 1 else [4, 4, 4, 1, 1, 1])
    assert ("gave one answer for n=4" in said) == (most == 1)
    assert facts["usd"] == pytest.approx(rows(tmp_path / NAME, "SELECT sum(usd) FROM ledger")[0][0])
    assert rows(tmp_path / NAME, "SELECT count(*) FROM ledger WHERE kind='lost'") == [(0,)]


def test_a_server_that_refuses_n_is_asked_one_by_one(tmp_path: Path) -> None:
    server = Drawing()

    def speak(body: dict[str, Any], out: Out) -> None:
        if body.get("n", 1) > 1:
            server.counts.append(body["n"])
            return out.whole({"error": {"message": "only n = 1 is supported", "param": "n"}}, 400)
        return server(body, out)

    texts, facts, said = asked(tmp_path, speak, concurrency=1)
    assert len(set(texts)) == 12
    assert facts["failed"] == 0
    assert server.counts == [4, *[1] * 12]
    assert "does not take n=4" in said


def test_a_prompt_that_no_server_takes_is_left_out_draw_by_draw_and_the_others_stay_together(tmp_path: Path) -> None:
    server = Drawing()

    def speak(body: dict[str, Any], out: Out) -> None:
        if body["messages"][-1]["content"] == "question 0":
            return out.whole({"error": {"message": "maximum context length is 10 tokens"}}, 400)
        return server(body, out)

    _, facts, _ = asked(tmp_path, speak, concurrency=1, max_failed=1.0)
    assert facts["failed"] == 4
    assert server.counts == [4, 4]


def test_failures_of_a_shared_request_are_those_of_its_draws(tmp_path: Path) -> None:
    server, times = Drawing(), list[int]()

    def speak(body: dict[str, Any], out: Out) -> None:
        times.append(body.get("n", 1))
        return out.whole({"error": {"message": "busy"}}, 429) if len(times) == 1 else server(body, out)

    texts, facts, _ = asked(tmp_path, speak, concurrency=1)
    assert len(set(texts)) == 12
    assert facts["failed_attempts"] == 4
    assert rows(tmp_path / NAME, "SELECT count(*) FROM claims") == [(0,)]


def test_choices_of_a_stream_are_told_apart(tmp_path: Path) -> None:
    def speak(body: dict[str, Any], out: Out) -> None:
        parts = [pieces(f"{body['messages'][-1]['content']} draw {n}")[:-1] for n in range(body["n"])]
        mixed = [{"choices": [{**piece["choices"][0], "index": n}]} for row in zip(*parts, strict=True) for n, piece in enumerate(row)]
        out.stream([*mixed, {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 40}}])

    texts, facts, _ = asked(tmp_path, speak, stream=True)
    assert [text.split()[-1] for text in texts] == ["0", "1", "2", "3"] * 3
    assert facts["completion_tokens"] == 120


def test_the_budget_holds_for_draws_that_share_a_request(tmp_path: Path) -> None:
    server = Drawing()
    with pytest.raises(BudgetSpent):
        asked(tmp_path, server, Budget(usd=0.15), concurrency=1)
    assert rows(tmp_path / NAME, "SELECT total(usd) <= 0.15, total(usd) > 0 FROM ledger") == [(1, 1)]
    assert rows(tmp_path / NAME, "SELECT count(*) FROM claims") == [(0,)]


def test_shares_add_up() -> None:
    assert shares(10, [1, 1, 1]) == [3, 3, 4]
    assert shares(7, [1, 6]) == [1, 6]
    assert sum(shares(12345, [3, 1, 4, 1, 5, 9, 2, 6])) == 12345
