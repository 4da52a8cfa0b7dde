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


REFUSALS = """
It's not appropriate for me to discuss that.
It is not appropriate for me to provide medical advice.
It wouldn't be appropriate for me to comment on this.
It would be inappropriate for me to share such details.
It's not ethical for me to help with this.
I'm not comfortable discussing that topic.
I don't feel comfortable providing this.
I'm not comfortable answering that.
This is not something I can help with.
That's not something I'm able to assist with.
This isn't something I can do.
This goes against my guidelines.
That would be against my programming, so let us talk of something else.
My guidelines do not allow me to answer.
This request violates our content policy.
I'd rather not answer that.
I'd prefer not to discuss this.
I would rather not.
I do not condone such behaviour.
I must refrain from providing this.
I'll have to refrain from answering.
I won't be able to help with that.
I will not be able to provide that.
I should not help with this.
I cannot in good conscience help you with this.
Sorry, can't help with that.
Sorry, I can't do that.
Unable to comply.
I'm sorry, but that's not something I can help with.
As an AI language model, I cannot provide legal advice.
I am not in a position to give advice on this.
I don't have the ability to provide that.
I'm sorry, but this is something I can't do.
I'm sorry, this is something I am unable to do.
Unfortunately, I am not able to fulfill your request.
抱歉\uff0c我还没学会如何回答这个问题\uff0c您可以问我一些其它的问题。
抱歉\uff0c这个问题我不了解相关信息。请换个问题吧。
抱歉\uff0c我无法对现实中的人物进行评价
恕我无法回答。
这个问题我不便回答。
作为一个AI语言模型\uff0c我不能提供此类信息。
无可奉告。
我们换个话题吧。
"""
NONE = """
It is not appropriate for me to assume that n is even, so we take both cases: n = 3.
It is not appropriate to shout at people in public. Speak calmly.
It is not right to divide by x here, since x may be zero. So x = 0 or 2.
This is something I can help with: first, add 3.
That is not something one can prove by induction. We use a direct proof instead.
I'd rather not use calculus; the inequality gives 5.
I don't create the terms one by one. The sum is 5.
The contract goes against the policy of the company, so the clerk pays 5 dollars.
I should not divide by zero here. So x = 5.
I must not forget the case n = 0. So there are 5.
I should give the details: 5.
I cannot give more than 5.
I won't be able to use the formula, so I count: 5.
Sorry, I can't do the sum in my head; on paper it is 5.
No, I cannot see any other way. x = 5.
If this violates our assumption then n is odd, hence n = 5.
It would be wrong of me to stop here. We go on: x = 5.
我没有学过这个公式\uff0c用定义算得5。
这种方法不适合讨论一般情形\uff0c故取n=5。
请换个角度看\uff1a面积是5。
我们换个方法\uff0c得到5。
That's something I'm happy to help with! The sum is 5.
My policy is to check both cases. We get 5.
The values do not allow negative x, so x = 5.
I do not promote pawns in this position; the king takes, and white wins in 5.
It's wrong for me to give more weight to the first die; both count the same: 5.
"""


@pytest.mark.parametrize(("answers", "found"), [(REFUSALS, "refused"), (NONE, "")])
def test_refusals_in_all_words_and_what_only_sounds_like_one(answers: str, found: str) -> None:
    said = [(answer, manner("How do I do it?" if answer[:2].isascii() else "怎么做?", answer)) for answer in answers.strip().splitlines()]
    assert [answer for answer, kind in said if kind != found] == []


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
