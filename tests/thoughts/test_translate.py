from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.headings import TASKS
from o1exp.chat.servers.loopback import Loopback, Reply
from o1exp.flow import SettingsError, StageFailed
from o1exp.thoughts.translate import Translate, is_chinese, kept, wrong
from tests.thoughts.parts import Thoughts, facts, store, teacher

CHINESE = {
    "What is p0?": "p0 是多少",
    "What is p1?": "p1 是多少",
    "Wait, $x = 7$ and 12 is \\boxed{19}.": "等等 \\(x=7\\) 而 12 得到 \\boxed{19}",
}
LOSES = "等等 \\(x=7\\) 得到 \\boxed{19}"


class Translator:
    """Translates by a list; texts in `first` come out otherwise at the first try."""

    def __init__(self, first: dict[str, str], always: dict[str, str] | None = None) -> None:
        self._first, self._always = first, CHINESE | (always or {})
        self.asked: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Reply:
        said = body["messages"][-1]["content"]
        self.asked.append(said)
        text = next(known for known in self._always if known in said)
        again = "Your translation has lost" in said
        return Reply(self._always[text] if again else self._first.get(text, self._always[text]), prompt_tokens=5, completion_tokens=7)


@pytest.mark.parametrize(("text", "translation", "why"), [
    ("So 3 + 4 is \\boxed{7}.", "所以 3 + 4 等于 \\boxed{7}", ""),
    ("Take $a_1 = 2$ \\text{cm}.", "取 \\(a_1=2\\) 厘米", ""),
    ("It is $5\\text{ km}$ long, 1,000 steps.", "长 $5\\text{公里}$ 共1000步", ""),
    ("The 3rd try.", "第三次尝试", ""),
    ("So 3 + 4 is \\boxed{7}.", "所以三加四等于 \\boxed{7}", "formulas"),
    ("So $x=1$ or $x=1$.", "所以 $x=1$", "formulas"),
    ("<think>\nHm.\n</think>\nNo.", "嗯 不", "formulas"),
    ("So it is \\boxed{7}.", "所以是 \\boxed{8}", "formulas"),
    ("So it is seven, I say.", "So it is 7, I say.", "language"),
    ("So it is seven.", "", "empty"),
])  # fmt: skip
def test_what_a_translation_lacks(text: str, translation: str, why: str) -> None:
    assert wrong(text, translation)[0] == why


def test_formulas_numbers_and_marks_are_what_has_to_stay() -> None:
    assert kept("<think>Let $x = 3$, so 2.5 and 1,000; 3rd, x2.</think> \\boxed{\\frac{1}{2}}") == Counter(
        ["x=3", "\\boxed{\\frac{1}{2}}", "<think>", "</think>", "2.5", "1000"]
    )
    assert is_chinese("我们令 $x=1$")
    assert is_chinese("$x=1$")
    assert not is_chinese("let us take 我们")


def test_question_and_thought_are_translated_and_asked_again_where_something_is_lost(tmp_path: Path) -> None:
    thought = "Wait, $x = 7$ and 12 is \\boxed{19}."
    translator = Translator({thought: LOSES})
    with Loopback(translator) as server:
        here = store(tmp_path)
        stage = Translate(thoughts=Thoughts(texts=(f"p0:{thought}",)), teacher=teacher(server.base_url))
        first, second = here.get(stage)
    assert (first.response, first.draw, first.origin) == (thought, 0, "m")
    assert (second.prompt, second.response) == (CHINESE["What is p0?"], CHINESE[thought])
    assert (second.problem, second.id != first.id) == ("p0", True)
    noted = facts(here, stage)
    assert (noted["translated"], noted["asked_again"], noted["left_out"], noted["requests"], noted["rows"]) == (1, 1, 0, 3, 2)
    assert "Your translation has lost: '12'." in translator.asked[-1]
    assert not any(task in translator.asked[0] for task in TASKS)


def test_a_translation_that_still_loses_something_is_left_out_and_counted(tmp_path: Path) -> None:
    thought = "Wait, $x = 7$ and 12 is \\boxed{19}."
    with Loopback(Translator({}, {thought: LOSES})) as server:
        here = store(tmp_path)
        both = Translate(thoughts=Thoughts(texts=(f"p0:{thought}",)), teacher=teacher(server.base_url))
        assert [row.response for row in here.get(both)] == [thought]
        assert (facts(here, both)["left_out"], facts(here, both)["left_out_by"]) == (1, {"formulas": 1})
        with pytest.raises(StageFailed, match=r"no translation keeps formulas and answer \(\{'formulas': 1\}\)"):
            here.get(both.replace(keep_originals=False))


def test_a_prompt_without_the_text_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"has no \{text\}"):
        Translate(thoughts=Thoughts(), teacher=teacher("http://127.0.0.1:9/v1"), prompt="translate")
