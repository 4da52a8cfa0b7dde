"""Replies in the dialects of real servers: how answers end, where thoughts stand, what filters say, and how text arrives."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat import slots
from o1exp.chat.noticed import same_model
from o1exp.chat.refused import DIALECTS, blocked, refusal
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.chat.teacher import Teacher
from o1exp.flow import Store
from o1exp.thoughts.distil import Distil
from tests.chat.parts import Ask, quiet_store, rows
from tests.chat.wire import Out, completion, pieces, wire
from tests.thoughts.parts import Given

CALM = {"retries": 1, "max_failed": 1.0}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_PAUSE", 0.02)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-this-is-a-secret-123")


def number(body: dict[str, Any]) -> int:
    return int("".join(letter for letter in body["messages"][-1]["content"].split("+")[0] if letter.isdigit()))


def facts(store: Store, stage: Any) -> dict[str, Any]:
    manifest = store.manifest(stage)
    assert manifest is not None
    return manifest.facts


def distilled(root: Path, replies: list[Any], **settings: Any) -> tuple[dict[int, str], dict[str, Any], str]:
    """Responses by problem n, whose only draw gets the n-th reply; the facts; what the terminal said."""

    def speak(body: dict[str, Any], out: Out) -> None:
        reply = replies[number(body)]
        if callable(reply):
            reply(out)
        else:
            out.whole(reply)

    store, said = quiet_store(root)
    with wire(speak) as address:
        teacher = Teacher(**{"model": "m", "base_url": address, **CALM, **settings.pop("teacher", {})})
        stage = Distil(problems=Given(count=len(replies)), teacher=teacher, draws=1, prompt="{question}", **settings)
        table = {int(row.problem[1:]): row.response for row in store.get(stage)}
    return table, facts(store, stage), said.getvalue()


def test_only_what_ended_for_a_reason_that_means_so_is_whole(tmp_path: Path) -> None:
    at_limit = {"prompt_tokens": 1, "completion_tokens": 50}
    replies = [
        *(completion("whole", reason) for reason in ("stop", "end_turn", "eos", "COMPLETE", "stop_sequence")),
        *(completion("cut", reason) for reason in ("length", "MAX_TOKENS", "model_length", "insufficient_system_resource", "error")),
        completion("cut", None, at_limit), completion("below the limit", None), {**completion("uncounted", None), "usage": None},
        completion("odd", "quantum_flux"), completion("odd", "quantum_flux"), completion("odd", "[/red] [bold]"),
    ]  # fmt: skip
    table, noted, said = distilled(tmp_path, replies, teacher={"max_tokens": 50})
    assert [*table] == [0, 1, 2, 3, 4, 11]
    assert (noted["truncated"], noted["left_out"]) == (6, 10)
    assert noted["unknown_endings"] == {"[/red] [bold]": 1, "no reason": 1, "quantum_flux": 2}
    assert "4 answers of m ended for a reason that nobody knows (2 x quantum_flux, " in said
    assert "they are not used as whole ones" in said


THOUGHT, ANSWER = "two and\n\n two", "\\boxed{0} it is."
APART = [
    ("reasoning_content", completion(ANSWER, reasoning_content=THOUGHT)),
    ("reasoning", completion(ANSWER, reasoning=THOUGHT, reasoning_details=[{"type": "reasoning.text", "text": THOUGHT}])),
    ("reasoning_details", completion(ANSWER, reasoning_details=[{"type": "reasoning.encrypted", "data": "xyz"},
                                                               {"type": "reasoning.summary", "summary": THOUGHT}])),
    ("content parts", completion([{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                                  {"type": "text", "text": ANSWER}])),
    ("content parts", completion([{"type": "thinking", "thinking": THOUGHT, "signature": "abc"}, {"type": "output_text", "text": ANSWER}])),
]  # fmt: skip
INSIDE = [
    ("<think>", f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"),
    ("</think>", f"{THOUGHT}\n</think>\n\n{ANSWER}"),
    ("<thought>", f"<thought>{THOUGHT}</thought>{ANSWER}"),
    ("<reasoning>", f"<reasoning>\n{THOUGHT}</reasoning>\n{ANSWER}"),
    ("[THINK]", f"[THINK]{THOUGHT}[/THINK]{ANSWER}"),
    ("<seed:think>", f"<seed:think>{THOUGHT}</seed:think>{ANSWER}"),
    ("\u25c1think\u25b7", f"\u25c1think\u25b7{THOUGHT}\u25c1/think\u25b7{ANSWER}"),
    ("<|begin_of_thought|>", f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>{ANSWER}<|end_of_solution|>"),
    ("channels", f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>"),
]


def test_thoughts_of_every_form_become_one_form(tmp_path: Path) -> None:
    replies = [*(reply for _, reply in APART), *(completion(text) for _, text in INSIDE)]
    table, noted, said = distilled(tmp_path, replies)
    assert set(table.values()) == {f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"}
    assert len(table) == len(replies)
    assert noted["thoughts"] == Counter(name for name, _ in [*APART, *INSIDE])
    assert "no thought apart" not in said


def test_the_marks_that_the_student_learns_are_a_setting(tmp_path: Path) -> None:
    replies = [completion(ANSWER, reasoning=THOUGHT), completion(INSIDE[4][1])]
    marks = {"think_open": "<|begin_of_thought|>", "think_close": "<|end_of_thought|>\n"}
    table, _, _ = distilled(tmp_path, replies, **marks)
    assert set(table.values()) == {f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|>\n{ANSWER}"}
    with pytest.raises(ValueError, match="a thought that think_open begins would never end"):
        Distil(problems=Given(), teacher=Teacher(model="m"), think_close=" ")


def test_a_thought_that_does_not_end_is_cut_and_answers_without_one_are_told(tmp_path: Path) -> None:
    cut = {"prompt_tokens": 1, "completion_tokens": 50}
    replies = [
        completion(f"<think>{THOUGHT} \\boxed{{0}}", "length", cut), completion(f"<think>{THOUGHT} \\boxed{{2}}"),
        completion("\\boxed{4}"), completion(f"<think>{THOUGHT}</think>{ANSWER}"), completion("", reasoning=THOUGHT),
    ]  # fmt: skip
    table, noted, said = distilled(tmp_path, replies, teacher={"max_tokens": 50})
    assert [*table] == [2, 3]
    assert (noted["truncated"], noted["left_out"], noted["thoughts"]) == (2, 3, {"<think>": 1, "none": 1})
    assert "1 of 2 whole answers of m have no thought apart from the answer (" in said


def test_a_thought_in_pieces_is_streamed_in_every_form(tmp_path: Path) -> None:
    def streamed(deltas: list[dict[str, Any]]) -> Callable[[Out], None]:
        parts = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        return lambda out: out.stream([*parts, *pieces("")])

    halves = THOUGHT[:5], THOUGHT[5:]
    replies = [
        streamed([*({"reasoning_content": half} for half in halves), {"content": ANSWER}]),
        streamed([*({"reasoning_details": [{"type": "reasoning.text", "text": half}]} for half in halves), {"content": ANSWER}]),
        streamed(
            [*({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": half}]}]} for half in halves), {"content": ANSWER}]
        ),
    ]
    table, _, _ = distilled(tmp_path, replies)
    assert list(table.values()) == [f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"] * 3


FILTERS: list[tuple[str, int, Any, str]] = [
    ("OpenAI", 400, {"error": {"message": "Invalid prompt: flagged", "code": "invalid_prompt"}}, "flagged"),
    ("Azure", 400, {"error": {"code": "content_filter", "message": "The response was filtered", "innererror": {
        "code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True}, "hate": {"filtered": False}}}}},
     "The response was filtered; violence"),
    ("DashScope", 400, {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}, "Input"),
    ("DashScope's own", 400, {"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."}, "Output"),
    ("OpenRouter", 403, {"error": {"code": 403, "message": 'This model requires moderation and your input was flagged for "x"',
                                   "metadata": {"reasons": ["violence"], "flagged_input": "..."}}}, "flagged for"),
    ("DeepSeek", 400, {"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}}, "Content Exists Risk"),
    ("Moonshot", 400, {"error": {"type": "content_filter", "message": "The request was rejected because it was considered high risk"}},
     "risk"),
    ("xAI", 403, {"code": "The caller does not have permission", "error": "Content violates usage guidelines."}, "usage guidelines"),
    ("Gemini", 400, [{"error": {"code": 400, "message": "The prompt was blocked", "status": "INVALID_ARGUMENT"}}], "blocked"),
    ("Zhipu", 400, {"error": {"code": "1301", "message": "unsafe"}}, "unsafe"),
    ("a filter under status 200", 200, {"error": {"code": "content_filter", "message": "no"}}, "no"),
    ("Gemini without choices", 200, {"choices": [], "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT"),
    ("no choices, nothing written", 200, {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 0}}, "no choices"),
    ("a refusal", 200, completion(None, "stop", refusal="I cannot help with that."), "I cannot help"),
    ("a refusal as a part", 200, completion([{"type": "refusal", "refusal": "I will not."}]), "I will not."),
    ("a filter at the end", 200, {"choices": [{"index": 0, "finish_reason": "content_filter", "content_filter_results": {
        "self_harm": {"filtered": True}}}]}, "content_filter: self_harm"),
]  # fmt: skip


def test_filters_of_every_dialect_are_recorded_in_their_words_and_the_study_goes_on(tmp_path: Path) -> None:
    came = Counter[int]()

    def refusing(place: int) -> Callable[[Out], None]:
        def reply(out: Out) -> None:
            came[place] += 1
            out.whole(FILTERS[place][2], FILTERS[place][1])

        return reply

    count = len(FILTERS)
    table, noted, said = distilled(tmp_path, [*map(refusing, range(count)), completion("\\boxed{1}")], teacher={"max_failed": 0.0})
    assert [*table] == [count]
    assert (noted["refused"], noted["failed"], set(came.values())) == (count, 0, {1})
    assert sum(noted["refusals"].values()) == count
    for name, _, _, words in FILTERS:
        assert any(words in found for found in noted["refusals"]), name
    assert f"{count} requests to m were refused and are left out" in said
    kept = rows(tmp_path / "requests.sqlite", "SELECT json_extract(came, '$.refusal') FROM answers WHERE finish_reason<>'stop'")
    assert len([words for (words,) in kept if words]) == count


def test_other_errors_are_no_filters() -> None:
    assert not refusal(403, {"error": {"message": "Your account was flagged; key disabled", "code": "access_terminated"}})
    assert not refusal(400, {"error": {"message": "maximum context length is 8192 tokens", "code": "context_length_exceeded"}})
    assert not refusal(500, {"error": {"code": "content_filter"}})
    assert not blocked({"choices": [], "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": False}}}]})
    assert not blocked({"choices": []})
    assert len({name for name, *_ in DIALECTS}) == len(DIALECTS)


def test_draws_that_are_all_refused_are_no_sign_that_temperature_is_ignored(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return Reply("I cannot help with that.", "content_filter", 10, 5)

    with Loopback(answer) as server:
        store, said = quiet_store(tmp_path)
        stage = Ask(teacher=Teacher(model="m", base_url=server.base_url), count=4, draws=3)
        store.get(stage)
    assert "ignore temperature" not in said.getvalue()
    assert "draws_identical" not in facts(store, stage)


def test_a_reply_is_utf8_whatever_its_header_says(tmp_path: Path) -> None:
    words = "\u221a2 \u2264 \u4e00\u2028next line \U0001f600"
    raw = json.dumps(completion(words), ensure_ascii=False).encode()
    latin = json.dumps(completion("caf\xe9"), ensure_ascii=False).encode("latin-1")
    halves = [{"choices": [{"index": 0, "delta": {"content": half}}]} for half in ("\ud83d", "\ude00 whole")]

    def events(out: Out) -> None:
        out.head(200, {"Content-Type": "text/event-stream; charset=iso-8859-1", "Connection": "close"})
        for piece in [{"choices": [{"index": 0, "delta": {"content": words}}]}, *pieces("")]:
            out.write(b"data: " + json.dumps(piece, ensure_ascii=False).encode() + b"\r\n\r\n")

    replies = [
        lambda out: out.whole(raw, headers={"Content-Type": "application/json; charset=iso-8859-1"}),
        lambda out: out.whole(b"\xef\xbb\xbf" + raw),
        lambda out: out.whole(latin, headers={"Content-Type": "application/json; charset=iso-8859-1"}),
        completion("lone \ud83d half"),
        lambda out: out.stream([*halves, *pieces("")]),
        events,
    ]
    table, noted, said = distilled(tmp_path, replies)
    assert (table[0], table[1], table[2], table[3]) == (words, words, "caf\xe9", "lone \ufffd half")
    assert (table[4], table[5]) == ("\U0001f600 whole", words)
    assert noted["mended"] == 1
    assert "1 broken characters" in said


def test_half_a_character_in_an_error_ends_nothing(tmp_path: Path) -> None:
    replies = [lambda out: out.whole({"error": {"message": "half \ud83d"}}, 400), completion("\\boxed{2}")]
    table, noted, _ = distilled(tmp_path, replies)
    assert [*table] == [1]
    assert "half \ufffd" in noted["incomplete"]


def test_another_model_than_was_asked_is_told_with_its_count(tmp_path: Path) -> None:
    replies = [{**completion("x"), "model": name} for name in ("m", "m-2024-07-18", "vendor/m:free", "m-mini", "m-mini", "other")]
    _, noted, said = distilled(tmp_path, replies)
    assert noted["other_models"] == {"m-mini": 2, "other": 1}
    assert "3 answers name another model than m, which was asked: 2 x m-mini, 1 x other" in said


@pytest.mark.parametrize(
    ("asked", "named", "same"),
    [("gpt-4o", "gpt-4o-2024-08-06", True),
     ("gpt-4o", "gpt-4o-mini", False), ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
     ("deepseek/deepseek-r1", "deepseek/deepseek-r1:free", True), ("/models/Qwen3-8B", "Qwen3-8B", True), ("o1", "o3", False)],
)  # fmt: skip
def test_a_date_makes_no_other_model(asked: str, named: str, same: bool) -> None:
    assert same_model(asked, named) == same


def test_the_facts_say_which_address_answered(tmp_path: Path) -> None:
    def speak(body: dict[str, Any], out: Out) -> None:
        out.whole(completion(f"text {number(body)}"))

    store, said = quiet_store(tmp_path)
    with wire(speak) as one, wire(speak) as other:
        store.get(Ask(teacher=Teacher(model="m", base_url=one), count=2))
        second = Ask(teacher=Teacher(model="m", base_url=other), count=3)
        store.get(second)
    assert facts(store, second)["addresses"] == {one: 2, other: 1}
    assert "come from several addresses" in said.getvalue()


def test_an_error_within_an_answer_is_asked_again(tmp_path: Path) -> None:
    came = Counter[str]()

    def broken(out: Out) -> None:
        came["asked"] += 1
        choice = {"index": 0, "message": {"content": "half"}, "finish_reason": "error", "error": {"code": 502, "message": "gone"}}
        out.whole({"choices": [choice]} if came["asked"] == 1 else completion("whole"))

    table, _, _ = distilled(tmp_path, [broken])
    assert (table[0], came["asked"]) == ("whole", 2)
