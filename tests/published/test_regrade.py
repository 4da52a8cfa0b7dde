"""Published outputs: joins, fields, and the files that peers released."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.__main__ import main


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    code = main(["regrade", *map(str, words)])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["regrade", *map(str, words)]) == 2
    return capsys.readouterr().err


GOLD = [{"idx": 1, "problem": "What is $1+1$?", "answer": 2.0}, {"idx": 2, "problem": "What is 2+2?", "answer": "So it is\n#### 4"}]


def test_samples_in_a_list_with_everything_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"q": "1+1", "gt": "2", "out": [r"\boxed{2}", r"\boxed{3}", "cut"], "ok": [True, 1, "false"], "rm": [[0.9], [0.5], [0.1]],
         "end": ["stop", "stop", "length"], "n": [3, 5, 9]},
        {"q": "2+2", "gt": "4", "out": [r"\boxed{4}", r"\boxed{4}", r"\boxed{5}"], "ok": [1, 1, 0], "rm": [0.2, 0.3, 0.4],
         "end": ["stop", "stop", "stop"], "n": [4, 4, 5]},
    ]  # fmt: skip
    out = tmp_path / "out.jsonl"
    said = run(
        capsys, "--outputs", write(tmp_path / "o.jsonl", rows), "--outputs-field", "out", "--gold-field", "gt", "--verdict-field", "ok",
        "--reward-field", "rm", "--finish-field", "end", "--tokens-field", "n", "--out", out,
    )  # fmt: skip
    assert said[0] == "right 3 / 6"
    assert said[1].startswith("accuracy 50.0 %")
    assert "pass@k 1: 50.0 %, 2: 83.3 %, 3: 100.0 %" in said
    assert "maj@k 1: 50.0 %, 2: 58.3 %, 3: 75.0 %" in said
    assert "rm@k 1: 50.0 %, 2: 50.0 %, 3: 50.0 %" in said
    assert "tokens: mean 5, median 4, p90 7; right 4, wrong 6" in said
    assert "  counted in tokens as the file counts them (n)" in said
    assert "truncated 1 / 6, timed out 0" in said
    assert "accuracy on completed answers 60.0 % of 5" in said
    assert "disagreements 1:" in said
    assert said[said.index("disagreements 1:") + 1].startswith("  row 1, sample 2: we say wrong, the peer right")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["row"], line["sample"], line["correct"]) for line in lines] == [
        (r, s, (r, s) in {(0, 0), (1, 0), (1, 1)}) for r in (0, 1) for s in range(3)
    ]


def test_the_same_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"gt": "2", "out": [r"\boxed{2}", r"\boxed{3}"], "ok": [1, 1], "rm": [0.9, 0.5]},
        {"gt": "4", "out": ["4", "4"], "ok": [1, 1], "rm": [1, 1]},
    ]
    file, fields = write(tmp_path / "o.jsonl", rows), ("--outputs-field", "out", "--gold-field", "gt")
    found = json.loads(
        "".join(run(capsys, "--outputs", file, *fields, "--verdict-field", "ok", "--reward-field", "rm", "--show", 0, "--json"))
    )
    assert (found["right"], found["scored"], found["truncation_known"], found["notes"]) == (3, 4, False, [])
    assert found["score"]["accuracy"] == 0.75
    assert found["score"]["majority_at"] == {"1": 0.75, "2": 0.75}
    assert found["rm_at"] == {"1": 0.75, "2": 1.0}
    assert (found["peer"]["right"], found["peer"]["majority_at"]) == (4, {"1": 1.0, "2": 1.0})
    assert found["peer"]["disagreements"] == [
        {"row": 1, "sample": 2, "ours": False, "peer": True, "extracted": "3", "method": "boxed", "gold": "2"}
    ]  # fmt: skip
    plain = json.loads("".join(run(capsys, "--outputs", file, *fields, "--json")))
    assert (plain["peer"], plain["rm_at"]) == (None, {})


def test_joined_by_text_in_another_order_and_within_a_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"prompt": "Question: what is 2 + 2? Think!", "out": "#### 4"},
        {"prompt": "What  is 1+1?", "out": "2"},
        {"prompt": "What is 9?", "out": "9"},
    ]
    outputs, gold = write(tmp_path / "o.jsonl", rows), write(tmp_path / "g.jsonl", GOLD)
    said = run(capsys, "--outputs", outputs, "--outputs-field", "out", "--gold", gold, "--gold-field", "answer")
    assert said[0] == "right 2 / 2"
    assert said[-1].startswith("note: left out: 1 of 3 output rows have no gold answer")
    message = refused(capsys, "--outputs", outputs, "--outputs-field", "out", "--gold", gold, "--gold-field", "answer", "--join", "idx")
    assert "3 rows and" in message
    message = refused(
        capsys,
        "--outputs",
        write(tmp_path / "two.jsonl", rows[:2]),
        "--outputs-field",
        "out",
        "--gold",
        gold,
        "--gold-field",
        "answer",
        "--join",
        "idx",
    )
    assert "2 of 2 rows have another problem than the gold row of the same position" in message
    assert "Use --join problem" in message


def test_letter_case_counts_where_problems_differ_in_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["Let A=2. Find a+A.", "Let a=2. Find a+A."]
    gold = write(tmp_path / "g.jsonl", [{"problem": text, "answer": answer} for text, answer in zip(texts, "35", strict=True)])
    rows = [{"problem": text, "out": answer} for text, answer in ((texts[1], "5"), (f"Solve: {texts[0]}", "3"), (texts[0].upper(), "3"))]
    said = run(capsys, "--outputs", write(tmp_path / "o.jsonl", rows), "--outputs-field", "out", "--gold", gold, "--gold-field", "answer")
    assert said[0] == "right 2 / 2"
    assert said[-1].startswith("note: left out: 1 of 3 output rows have no gold answer")
    alone = write(tmp_path / "a.jsonl", [{"problem": text, "gt": answer, "out": answer} for text, answer in zip(texts, "35", strict=True)])
    said = run(capsys, "--outputs", alone, "--outputs-field", "out", "--gold-field", "gt", "--join", "problem")
    assert "2 problems, 1 sample each" in said[1]


def test_an_answer_without_a_reason_that_ends_at_the_limit_was_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = [("length", 64), (None, 64), (None, 63), ("stop", 64)]
    rows = [{"gt": "1", "out": "The answer is 1. But", "end": end, "n": tokens} for end, tokens in ends]
    file = write(tmp_path / "o.jsonl", rows)
    said = run(capsys, "--outputs", file, "--outputs-field", "out", "--gold-field", "gt", "--finish-field", "end", "--tokens-field", "n")
    assert said[0] == "right 2 / 4"
    assert "truncated 2 / 4, timed out 0" in said
    assert said[-1] == "note: 1 answers do not say, or not in a known word, why they ended; they count as whole"


def test_a_chat_is_one_answer_and_choices_are_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": [{"type": "text", "text": "2"}]}]
    samples = [{"role": "assistant", "content": "2"}, {"role": "assistant", "content": "3"}]
    for out, right in ((chat, "right 1 / 1"), (samples, "right 1 / 2"), ([chat, chat], "right 2 / 2"), ([["2", "3"]], "right 1 / 2")):
        file = write(tmp_path / "o.jsonl", [{"gt": "2", "out": out}])
        assert run(capsys, "--outputs", file, "--outputs-field", "out", "--gold-field", "gt")[0] == right


def test_a_worked_gold_that_announces_nothing_is_unscored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"gt": "She has 3+4=7 nuts. Then she eats 2 of them, so 5.", "out": "5"}, {"gt": "It is 2.\nThe answer is 2.", "out": "2"}]
    said = run(capsys, "--outputs", write(tmp_path / "o.jsonl", rows), "--outputs-field", "out", "--gold-field", "gt")
    assert said[0] == "right 1 / 1"
    assert said[-1].startswith("note: 1 gold answers are worked solutions that announce no answer")
    assert said[-1].endswith("(rows 1)")


def test_joined_by_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gold = write(tmp_path / "g.jsonl", GOLD)
    rows = [{"idx": 2, "out": "4"}, {"idx": 1, "out": "3"}]
    said = run(capsys, "--outputs", write(tmp_path / "o.jsonl", rows), "--outputs-field", "out", "--gold", gold, "--gold-field", "answer")
    assert said[0] == "right 1 / 2"
    assert "without a check" in said[-1]
    rows = [{"idx": 2, "problem": "what is 2+2?", "out": "4"}, {"idx": 1, "problem": "something else", "out": "2"}]
    message = refused(
        capsys,
        "--outputs",
        write(tmp_path / "p.jsonl", rows),
        "--outputs-field",
        "out",
        "--gold",
        gold,
        "--gold-field",
        "answer",
        "--join",
        "idx",
    )
    assert "row 2: 'something else' against 'What is $1+1$?'" in message


def test_rows_of_one_text_are_samples_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"problem": "1+1?", "gt": "2", "out": answer} for answer in ("2", "3", "2")] + [{"problem": "2?", "gt": "2", "out": "2"}] * 3
    file = write(tmp_path / "o.jsonl", rows)
    said = run(capsys, "--outputs", file, "--outputs-field", "out", "--gold-field", "gt", "--join", "problem")
    assert "2 problems, 3 samples each" in said[1]
    assert "--join problem" in run(capsys, "--outputs", file, "--outputs-field", "out", "--gold-field", "gt")[-1]
    message = refused(
        capsys,
        "--outputs",
        write(tmp_path / "x.jsonl", [*rows, {**rows[0], "gt": "7"}]),
        "--outputs-field",
        "out",
        "--gold-field",
        "gt",
        "--join",
        "problem",
    )
    assert "row 7 gives the gold answer '7' to a problem that had '2' before" in message


@pytest.mark.parametrize(
    ("row", "words", "message"),
    [
        ({"out": "1", "gt": "1"}, ["--verdict-field", "ok"], "--verdict-field ok: row 1 of"),
        ({"out": "1", "gt": "1", "ok": "maybe"}, ["--verdict-field", "ok"], "ok is 'maybe', which is no verdict"),
        ({"out": "1", "gt": "1"}, ["--tokens-field", "n"], "--tokens-field n: row 1 of"),
        ({"out": "1", "gt": "1"}, ["--thinking-field", "t"], "--thinking-field t: row 1 of"),
        ({"out": "1", "gt": "1", "n": math.inf}, ["--tokens-field", "n"], "row 1: n is inf, which is no finite number"),
        ({"out": "1", "gt": "1", "n": -5}, ["--tokens-field", "n"], "row 1: n is -5, which is no number of tokens"),
        ({"out": "1", "gt": "1", "n": 10**300}, ["--tokens-field", "n"], f"n is 1{'0' * 39}..., which is no number of tokens"),
        ({"out": "1", "gt": "1", "n": "many"}, ["--tokens-field", "n"], "row 1: n is 'many', which is no finite number"),
        ({"out": ["1", "1"], "gt": "1", "rm": [10**400, 1]}, ["--reward-field", "rm"], "which is no finite number"),
        ({"out": ["1", "1"], "gt": "1", "ok": [True]}, ["--verdict-field", "ok"], "ok has 1 values for 2 outputs"),
        ({"out": "1", "gt": ""}, [], "none of 1 attempts could be scored"),
        ({"out": "1"}, [], "--gold-field gt: row 1 of"),
        ({"out": "1", "gt": {"value": 1}}, [], "row 1: gt holds an object with the fields value; name the field inside"),
        ({"out": {"message": "1"}, "gt": "1"}, [], "row 1: out holds an object with the fields message; name the field with the text"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], words: list[str], message: str
) -> None:
    file = write(tmp_path / "o.jsonl", [row])
    assert message in refused(capsys, "--outputs", file, "--outputs-field", "out", "--gold-field", "gt", *words)


def test_what_a_named_field_does_not_say_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"gt": "1", "out": ["1", "2"], "n": ["7", None], "rm": ["0.5", None]}, {"gt": "1", "out": [], "n": [], "rm": []},
        {"gt": "1", "out": ["1", "2"], "n": [5, 5], "rm": [1, 2]},
    ]  # fmt: skip
    file = write(tmp_path / "o.jsonl", rows)
    words = ["--outputs", file, "--outputs-field", "out", "--gold-field", "gt"]
    said = run(capsys, *words, "--tokens-field", "n", "--reward-field", "rm")
    assert any(line.startswith("tokens: mean 4, median 5") for line in said), "7, a word, 5 and 5"
    assert f"note: left out: 1 rows of {file} hold no answer in out (rows 2)" in said
    assert (
        "note: 1 answers have no number in n and are counted in words, numbers and signs (no tokenizer given; not a model's tokens)" in said
    )
    assert "note: 1 answers have no number in rm, so that there is no rm@k" in said
    whole = write(tmp_path / "w.jsonl", [{"gt": "1", "out": ["1", "2"], "rm": ["0.5", "0.9"]}])
    words = ["--outputs", whole, "--outputs-field", "out", "--gold-field", "gt"]
    assert "rm@k 1: 50.0 %, 2: 0.0 %" in run(capsys, *words, "--reward-field", "rm")
    with pytest.raises(SystemExit):
        main(["regrade", *map(str, words), "--show", "-1"])


def test_an_index_of_objects_is_none_and_a_problem_that_is_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = write(tmp_path / "o.jsonl", [{"id": {"$oid": "b"}, "idx": 2, "out": "4"}, {"id": {"$oid": "a"}, "idx": 1, "out": "2"}])
    gold = write(tmp_path / "g.jsonl", [{**row, "id": {"$oid": "a"}} for row in GOLD])
    words = ["--outputs", outputs, "--outputs-field", "out", "--gold", gold, "--gold-field", "answer"]
    assert run(capsys, *words)[0] == "right 2 / 2"
    odd = write(tmp_path / "p.jsonl", [{"problem": "1+1?", "out": "2"}, {"problem": {"en": "2+2?"}, "out": "4"}])
    message = refused(capsys, "--outputs", odd, *words[2:])
    assert f"row 2 of {odd}: problem holds an object with the fields en; name the field" in message


def test_a_gold_file_that_has_a_problem_twice_says_which_answer_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gold = write(tmp_path / "g.jsonl", [{"problem": "1+1?", "answer": answer} for answer in ("2", "3")])
    outputs = write(tmp_path / "o.jsonl", [{"problem": "1+1?", "out": "2"}])
    said = run(capsys, "--outputs", outputs, "--outputs-field", "out", "--gold", gold, "--gold-field", "answer")
    assert said[0] == "right 1 / 1"
    assert f"note: 1 rows of {gold} repeat the problem of an earlier one, whose gold answer counts" in said


PEERS = [
    # file, outputs field, gold field, verdict field, the peer's count, all, disagreements at most
    ("abel/abel_gsm8k_7b.jsonl", "response", "gold", "result", 193, 300, 0),
    ("qwen_maj8/math_cot_100.jsonl", "response", "gt", "score", 728, 800, 1),
    ("skythought/Qwen2.5-14B-Instruct__aime24.jsonl", "code", "gt", "score", 6, 30, 0),
    ("skythought/Qwen2.5-14B-Instruct__amc23.jsonl", "code", "gt", "score", 26, 40, 0),
    ("skythought/Qwen2.5-Math-7B__aime24.jsonl", "code", "gt", "score", 6, 30, 0),
    ("skythought/Qwen2.5-Math-7B__amc23.jsonl", "code", "gt", "score", 18, 40, 0),
    ("skythought/Qwen2.5-Math-7B__math500.jsonl", "code", "answer", "score", 262, 500, 6),
    ("skythought/Sky-T1-correct-5K-32B-ckpt140__aime24.jsonl", "code", "gt", "score", 9, 30, 0),
    ("openai_gsm8k/example_model_solutions.jsonl", "6b_finetuning.solution", "ground_truth", "6b_finetuning.is_correct", 89, 400, 0),
    ("openai_gsm8k/example_model_solutions.jsonl", "6b_verification.solution", "ground_truth", "6b_verification.is_correct", 156, 400, 0),
    ("openai_gsm8k/example_model_solutions.jsonl", "175b_finetuning.solution", "ground_truth", "175b_finetuning.is_correct", 146, 400, 0),
    (
        "openai_gsm8k/example_model_solutions.jsonl",
        "175b_verification.solution",
        "ground_truth",
        "175b_verification.is_correct",
        224,
        400,
        0,
    ),
]


@pytest.mark.parametrize("peer", PEERS, ids=[f"{peer[0].split('/')[-1]}-{peer[1]}" for peer in PEERS])
def test_published_scores_are_reproduced(shared_data: Path, capsys: pytest.CaptureFixture[str], peer: tuple[Any, ...]) -> None:
    name, output, gold, verdict, right, total, most = peer
    file = shared_data / "graded" / name
    said = run(capsys, "--outputs", file, "--outputs-field", output, "--gold-field", gold, "--verdict-field", verdict)
    ours = int(said[0].removeprefix("right ").split(" / ")[0])
    assert abs(ours - right) <= most
    assert any(line.startswith(f"peer's verdicts: right {right} / {total}") for line in said)
    disagreements = next(int(line.split()[1].rstrip(":")) for line in said if line.startswith("disagreements"))
    assert disagreements <= most


def test_the_published_votes_are_reproduced(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The peer's own script gives maj@8 93.0 (of tied answers it takes the first) and rm@8 94.0."""
    file = shared_data / "graded" / "qwen_maj8" / "math_cot_100.jsonl"
    words = ["--outputs-field", "response", "--gold-field", "gt", "--verdict-field", "score", "--reward-field", "pred_score"]
    said = run(capsys, "--outputs", file, *words)
    assert any(line.startswith("by the peer's verdicts rm@k") and line.endswith("8: 94.0 %") for line in said)
    majority = next(line for line in said if line.startswith("by the peer's verdicts maj@k"))
    assert float(majority.rsplit("8: ", 1)[1].rstrip(" %")) == pytest.approx(93.0, abs=0.75)


def test_another_gold_file_in_another_order(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = shared_data / "graded" / "skythought" / "Qwen2.5-Math-7B__math500.jsonl"
    for gold, field in (("math_test_cleaned.json", "expected_answer"), ("orz_math500.json", "final_answer")):
        words = ["--outputs", outputs, "--outputs-field", "code", "--gold", shared_data / "math500" / gold, "--gold-field", field]
        said = run(capsys, *words)
        assert abs(int(said[0].removeprefix("right ").split(" / ")[0]) - 262) <= 6
        assert not any("left out" in line for line in said)
    words = ["--outputs", outputs, "--outputs-field", "code", "--gold", shared_data / "math500" / "math_test_cleaned.json"]
    message = refused(capsys, *words, "--gold-field", "expected_answer", "--join", "idx")
    assert "498 of 500 rows have another problem" in message


@pytest.mark.parametrize("gold", ["\frac{1}{2}", ["\frac{1}{2}"]])
def test_a_gold_whose_first_backslash_json_ate_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], gold: object) -> None:
    file = write(tmp_path / "o.jsonl", [{"out": "So \\boxed{\\frac{1}{2}}", "gt": gold}])
    found = json.loads("".join(run(capsys, "--outputs", file, "--outputs-field", "out", "--gold-field", "gt", "--json")))
    assert (found["right"], found["scored"]) == (1, 1)
