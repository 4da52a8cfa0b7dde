"""Answers that are none: empty, endless, refused, in another language."""

import json
from pathlib import Path

import pytest

from o1exp.records.manner import manner, repeats

LOOP = "Let me check that again. It comes to 12. "
ENGLISH = "The river is the longest one in the country, and it has been used for trade since the time of the first settlers there."
GERMAN = "Der Fluss ist der längste des Landes und wird seit der Zeit der ersten Siedler für den Handel mit den Städten genutzt."


@pytest.mark.parametrize(
    ("question", "answer", "cut", "found"),
    [
        ("What is 2 + 2?", "", False, "empty"),
        ("What is 2 + 2?", " \n\u200b", False, "empty"),
        ("What is 2 + 2?", "?", False, ""),
        ("What is 2 + 2?", "So, " + LOOP * 40, True, "endless"),
        ("What is 2 + 2?", "So, " + LOOP * 40, False, ""),
        ("What is 2 + 2?", ENGLISH * 3 + " It is", True, ""),
        ("How do I do it?", "I'm sorry, but I can't help with that.", False, "refused"),
        ("How do I do it?", "I\u2019m not able to assist with this request.", False, "refused"),
        ("How do I do it?", "I must decline.", False, "refused"),
        ("怎么做?", "抱歉\uff0c我不能提供这方面的帮助。", False, "refused"),
        ("怎么做?", "很遗憾\uff0c这个问题我无法回答。", False, "refused"),
        ("How do I do it?", "I can help you with that: sorry for the delay.", False, ""),
        ("How do I do it?", ENGLISH * 8 + " I cannot help it, I love it.", False, ""),
        ("谁写了这本书?这个问题很重要。", ENGLISH, False, "other language"),
        ("谁写了这篇论文?", "Ross Girshick", False, ""),
        ("谁写了这本书?请用英文回答。", ENGLISH, False, ""),
        ("简述论文Sleep Is All You Need的内容", "这是一篇关于睡眠重要性的论文。", False, ""),
        ("Who wrote the book?", "这本书是他写的。", False, "other language"),
        ("Translate the sentence into Chinese: it is late.", "现在很晚了。", False, ""),
        (ENGLISH, GERMAN, False, "other language"),
        ("Which film is it?", "Die Hard", False, ""),
        ("What is $x$ if $x + 1 = 2$?", r"\boxed{1}", False, ""),
    ],
)
def test_the_manner_of_an_answer(question: str, answer: str, cut: bool, found: str) -> None:
    assert manner(question, answer, answer if cut else "") == found


@pytest.mark.parametrize(
    ("question", "answer", "found"),
    [
        ("Is it so?", "I'm sorry to hear that you are ill, but the answer is 5.", ""),
        ("Is it so?", "I can't see how this fails: it is 5.", ""),
        ("Is it so?", "I can't give a shorter proof than this one: 5.", ""),
        ("Is it so?", "I will not do this by brute force: n^2 = 25.", ""),
        ("Is it so?", "I won't give all the details here. By induction, it is 5.", ""),
        ("Is it so?", "If I can't share the cookies evenly, one remains.", ""),
        ("Is it so?", "I can't help but notice that both sides are even.", ""),
        ("Is it so?", r"I cannot provide a picture, but \boxed{5} comes out.", ""),
        ("How do I say no?", "Say \"I'm sorry, but I can't help this week\" and smile.", ""),
        ("How do I say no?", "Write: \u201cThank you, but I must decline.\u201d", ""),
        ("Who are you?", "Some days I have to decline the invitation of a friend.", ""),
        ("怎么做?", "抱歉\uff0c我刚才算错了\uff0c不能用这个公式。和是25。", ""),
        ("怎么做?", "很遗憾\uff0c这个数不能被3整除。", ""),
        ("写一封信", "抱歉\uff0c由于预算原因\uff0c我们不能接受贵方的报价。", ""),
        ("怎么做?", "對不起\uff0c我無法回答這個問題。", "refused"),
        ("How do I do it?", "I cannot and will not help with that.", "refused"),
        ("How do I do it?", "I'm not permitted to discuss this.", "refused"),
        ("前五个奇数的和是多少?", "```python\n# the sum of the first five numbers, and that is all\nprint(25)\n```", ""),
        ("前五个奇数的和是多少?", "    # the sum of the first five numbers, and that is all\n25", ""),
        ("Quote the opening of the Analects.", "学而时习之\uff0c不亦说乎?", ""),
        ("What is the quotient of 6 and 2?", "商等于三\uff0c没有余数。", "other language"),
        ("What is 2 + 2?", "...", "empty"),
        ("What is 2 + 2?", "\u3164", "empty"),
        ("What is 2 + 2?", r"\boxed{}", "empty"),
        ("What is 2 + 2?", "*", ""),
        ("What is 2 + 2?", "." * 50_000 + "x", ""),
    ],
)
def test_what_looks_like_no_answer_and_is_one(question: str, answer: str, found: str) -> None:
    assert manner(question, answer) == found


def test_a_thought_without_an_end_is_endless_and_one_that_was_cut_off_is_empty() -> None:
    assert manner("What is 2 + 2?", "", "<think>" + LOOP * 30) == "endless"
    assert manner("What is 2 + 2?", "", "<think>" + ENGLISH) == "empty"


def test_repeating_is_told_from_going_on() -> None:
    assert repeats("x" * 100)
    assert repeats("1, 2, " * 30)
    assert not repeats("x" * 40)
    assert not repeats(LOOP * 2)
    assert not repeats(" ".join(map(str, range(500))))
    assert repeats(" ".join(map(str, range(500))) + "\n" + LOOP * 5 + LOOP[:20]), "cut in the middle of a round"


@pytest.mark.parametrize(("side", "most"), [("before", 3), ("after", 3)])
def test_the_paper_s_released_answers_are_hardly_ever_odd(side: str, most: int, shared_data: Path) -> None:
    rows = json.loads((shared_data / "general" / f"general_{side}-sft.json").read_text())
    found = [manner(row["query"], row["response"]) for row in rows]
    assert len(found) == 100
    assert sum(map(bool, found)) <= most, [(row["query"][:60], odd) for row, odd in zip(rows, found, strict=True) if odd]


def test_chinese_models_give_english_questions_chinese_answers_and_refuse(shared_data: Path) -> None:
    """Of seven models' answers; those that people gave no verdict on are mostly refusals."""
    rows = [json.loads(line) for line in (shared_data / "chinesefacteval" / "dataset_chinese.jsonl").read_text().splitlines()]
    answers = [(row["prompt"], str(one["response"]), one["factuality"]) for row in rows for one in row["responses_and_factuality"]]
    found = [(manner(prompt, text), verdict) for prompt, text, verdict in answers]
    kinds = [kind for kind, _ in found]
    elsewhere = [answers[place][:2] for place, kind in enumerate(kinds) if kind == "other language"]
    assert len(elsewhere) > 15, "to questions in English, by models that answer in Chinese alone"
    assert len([prompt for prompt, _ in elsewhere if not prompt.isascii()]) <= 1, elsewhere
    refused = [verdict for kind, verdict in found if kind == "refused"]
    assert sum(verdict is None for verdict in refused) / len(refused) > sum(verdict is None for _, verdict in found) / len(found)
