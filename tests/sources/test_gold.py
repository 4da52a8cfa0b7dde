"""Answers within worked solutions."""

import pytest

from o1exp.sources.gold import gold_answer, solved_answer, written_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("18", "18"),
        ("3+4=<<3+4=7>>7\n#### 7", "7"),
        (r"Thus the roots are $\boxed{1}$ and $\boxed{2}$.", "1, 2"),
        (r"It is \fbox{9}, as 3*3.", "9"),
        ("We add: $1+2=3$. Therefore the answer is 3.", "3"),
        ("The answer is 5.", "5"),
        ("3+3=6。\n答：一共有6个。", "6"),  # noqa: RUF001
        ("Simon de Montfort, 5th Earl of Leicester", "Simon de Montfort, 5th Earl of Leicester"),
        ("\\begin{pmatrix}\n1 & 2 \\\\\n3 & 4\n\\end{pmatrix}", "\\begin{pmatrix}\n1 & 2 \\\\\n3 & 4\n\\end{pmatrix}"),
        ("all functions f(x) = cx for a real number c", "all functions f(x) = cx for a real number c"),
        ("np.float64(3.0)", "3.0"),
        ("array([1, 2])", "[1, 2]"),
        ("tensor(3)", "3"),
        ("First paragraph of an essay.\nSecond paragraph.", "First paragraph of an essay.\nSecond paragraph."),
    ],
)
def test_an_answer_column_holds_the_answer_or_a_solution_that_says_it(text: str, answer: str) -> None:
    assert gold_answer(text) == answer


@pytest.mark.parametrize(
    "text", ["She has 3+4=7 nuts. Then she eats 2 of them, so 5.", "So x = 3.\nThen there are two more cases.", r"\boxed{"]
)
def test_a_solution_that_says_none_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="worked solution without a final answer"):
        gold_answer(text)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("128", "128"), ("C", "C"), ("True", "True"), ("[7, 8, 9]", "[7, 8, 9]"), ("", ""), ("It is 7.", ""), ("略", ""),
        ("Some steps.\n\nAnswer: B", "B"), (r"so \boxed{3}", "3"), ("We count 12 of them, and 3 more.", ""),
        ("### Plan\n#### Step 1\nWe count.", ""), ("10*11=110\n#### 110\nThe answer is: 110", "110"),
    ],
)  # fmt: skip
def test_a_solution_gives_what_it_announces_or_all_it_says(solution: str, answer: str) -> None:
    assert solved_answer(solution) == answer


@pytest.mark.parametrize(
    ("written", "answer"), [("N/A", ""), ("nan", ""), ("null", ""), ("None", "None"), ("NA", "NA"), ("['3', '-3']", "3, -3")]
)
def test_a_text_for_nothing_is_no_answer(written: str, answer: str) -> None:
    """NA is sodium and None may be the answer to "which of them?"; these stay."""
    assert written_answer(written) == answer
