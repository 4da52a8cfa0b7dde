import re
from pathlib import Path

import pytest

from o1exp.records.rows import json_rows
from o1exp.records.style import MARKERS, markers, style, words


@pytest.mark.parametrize(("text", "found"), [
    ("Wait, so this is wrong. Wait!", {"wait": 2, "so": 1}),
    ("Let me double-check. Double checking: 3.", {"let me": 1, "double-check": 2}),
    ("A waiter also waited for the solution, so-called.", {}),
    ("If it is possible, then first consider it; but verify. Therefore, thus, alternatively.",
     {"if": 1, "possible": 1, "first": 1, "consider": 1, "but": 1, "verify": 1, "therefore": 1, "thus": 1, "alternatively": 1}),
    ("等等 让我验证一下。但是如果不但如此", {"wait": 1, "let me": 1, "verify": 1, "but": 1, "if": 1}),
    ("所以首先考虑可能", {"so": 1, "first": 1, "consider": 1, "possible": 1}),
    ("若干个数 若 x 是 因此或者", {"if": 1, "therefore": 1, "alternatively": 1}),
    ("", {}),
])  # fmt: skip
def test_markers_are_counted_as_words(text: str, found: dict[str, int]) -> None:
    assert dict(markers(text)) == found


def test_the_style_of_traces_is_a_mean_over_them() -> None:
    found = style(["Wait, 3 + 4.\n\nSo it is 7.", "7"])
    assert found is not None
    assert (found.traces, found.tokens, found.longest, found.lines, found.words) == (2, 6.0, 11, 1.5, 4.0)
    assert found.words_per_line == pytest.approx(8 / 3)
    assert (found.markers["wait"], found.markers["so"], found.markers["but"]) == (0.5, 0.5, 0)
    assert list(found.markers) == list(MARKERS)
    assert found.plain()["words_per_line"] == 2.67
    assert words("我们计算 12 + 3") == 6
    assert style([]) is None


def test_real_long_thoughts_have_more_of_every_marker_than_short_solutions(shared_data: Path) -> None:
    files = {"deepseek-r1-distill-qwen-32b": "solution", "official-solution": "solution"}
    texts = {
        name: [str(row.values[field]) for row in list(json_rows(shared_data / f"limo_traces/{name}.jsonl"))[:60]]
        for name, field in files.items()
    }
    long, short = (style(found) for found in texts.values())
    assert long is not None
    assert short is not None
    assert (long.traces, short.traces) == (60, 60)
    assert all(long.markers[name] > short.markers[name] for name in MARKERS)
    plain = sum(len(re.findall(r"\bwait\b", text, re.IGNORECASE)) for text in texts["deepseek-r1-distill-qwen-32b"])
    assert long.markers["wait"] * long.traces == pytest.approx(plain, rel=0.01)
    assert long.markers["wait"] > 20 * max(short.markers["wait"], 0.01)
