"""Which words say that a picture belongs to a question, or that a proof is asked for."""

# ruff: noqa: RUF001

import json
from pathlib import Path

import pytest

from o1exp.curate.criteria import Criteria
from o1exp.curate.marks import options_mark, picture_mark, proof_mark
from o1exp.curate.numbers import is_number
from o1exp.curate.verdicts import ROWS
from o1exp.records import Problem
from o1exp.sources.local import Local

PICTURED = [
    "In Figure 2, find AB.",
    "As shown in Fig. 3, find AB.",
    "<image>\nFind AB.",
    "Find AB. <image_1>",
    "<image1> Find AB.",
    "A large square is divided into smaller squares. What fraction of the large square is shaded grey? A) 1/2 B) 1/3 C) 1/4",
    "Using the data from the shown receipt, find the payment.",
    "<ImageHere> Find AB.",
    "如下图所示，求面积。",
    "由图可知，求x。",
    "如图1，求AB的长。",
    "Label this point 3. (See figure.) Continue this process.",
    "The diagram indicates the path of blocks around the garden.",
    "Line AD is trisected, as shown. Find the area.",
    "Let there be a figure with 9 disks and 11 edges, as shown below.",
    "Rectangle $DEFA$ below is a $3 \\times 4$ rectangle.",
    "The graph shown gives the sales. How many were sold in May?",
    "In the accompanying diagram, find x.",
    "A triangle is pictured. Find its height.",
    "![](https://cdn.example/abc.jpg) Find x.",
    "[asy] draw(A--B); [/asy] Find AB.",
]
PLAIN = [
    "Show your work: what is 2+2?",
    "Let G be a graph. In the graph $y=x^2$, find the minimum.",
    "Each selfie will have two or three students in the picture. Find the least number of selfies.",
    "A figure skater spins 3 times. How many spins?",
    "Give the answer to three significant figures.",
    "She walks in a figure 8. How far?",
    "学校新买来780本图书，上图书馆借了3本，还剩多少本？",
    "Find the region above the line $y=x$ and below the graph of $y=3$.",
    "Five circles are drawn in the plane. How many points do they share?",
    "The first rows of the triangle are shown below.\n$\\begin{aligned} 1 \\\\ 1 \\quad 1 \\end{aligned}$",
    "It can be shown that there is one such n. Find it.",
    "In $1+3+5-7-9-11+13 \\ldots$ the signs alternate every three terms, as shown. What is the sum of 300 terms?",
    "The shaded area consists of 12 of these 18 triangles. Calculate the shaded area.",
    "Every card has a picture of one shape - circle, square, or triangle. How many cards are there?",
]
PROVED = [
    "试证 $a+b\\ge 2$。",
    "求证：$a+b\\ge 2$。",
    "Given $a, b, c > 0$. Prove:\n$$a+b+c \\geq 3$$",
    "Show that $n^2\\ge 0$.",
    "If $a, b, c$ are distinct numbers prove that their sum is zero.",
    "Find all n. Prove that there are no others.",
    "Prove or disprove: every good set is regular.",
    "Demonstrate that $1+1=2$.",
    "(a) Prove that $a=b$. (b) Find c.",
    "Let $d$ be what is left for each $i=1, 2, \\ldots, n.$  Prove that there is a real number $d$.",
    "a) Proof that $|F|=\\infty$.",
]
ASKED = [
    "Show your work: what is 2+2?",
    "Ed proved that he ran 4 laps of 3 km. How far?",
    "His report card needs to show that he received 80. What is his grade?",
    "Determine all such n, or show that no such n exists.",
    "Find its area, but show that there are infinitely many such pentagons.",
    "Find the least n and prove your answer.",
    "Which worker left the game more often? Provide an answer and prove it.",
    "What is the least n? Prove your claim.",
    "Find, with proof, all triples.",
    "Records show that it rained on 3 of 4 days. How likely is rain?",
    "他的身份证明上写着几岁？",
]


@pytest.mark.parametrize("question", PICTURED)
def test_a_picture_is_missed(question: str) -> None:
    assert picture_mark(question)


@pytest.mark.parametrize("question", PLAIN)
def test_no_picture_is_missed(question: str) -> None:
    assert picture_mark(question) == ""


@pytest.mark.parametrize("question", PROVED)
def test_a_proof_is_asked_for(question: str) -> None:
    assert proof_mark(question)


@pytest.mark.parametrize("question", ASKED)
def test_no_proof_is_asked_for(question: str) -> None:
    assert proof_mark(question) == ""


def test_options_are_lettered_one_way() -> None:
    assert options_mark("Which is even? (A) 3 (B) 4 (C) 5") == "(A) 3 (B) 4 (C)"
    assert options_mark(r"$\textbf{(A)}\ 3\qquad\textbf{(B)}\ 4\qquad\textbf{(C)}\ 5$")
    assert options_mark("下列正确的是 A. 1 B. 2 C. 3")
    assert options_mark("Find P(A) + P(B) + P(C).") == ""
    assert options_mark("Triangle ABC has a right angle at A. Find AB.") == ""


def test_one_real_constant_is_a_number_with_its_unit_and_its_name() -> None:
    numbers = [
        "7", "-3.5", r"\frac{3}{7}", r"1\frac{3}{4}", r"12.5\%", r"6\sqrt{2}", r"\frac{\pi}{8}", "x=5", "145^\\circ", r"7 \text{ days}",
        r"12 \mathrm{~cm}", r"\$1,250.50", "2^{1009}", r"1.2\times 10^{3}", "24 girls", "4210_{5}",
    ]  # fmt: skip
    others = [
        "x+1", "2n-2", "(1,2)", "2, 3", r"\text{(B)}", "B", r"\text{Yes}", "f(x)=1", "f(x)=x^2", r"\infty", "3:4", r"2 \pm \sqrt{3}", "",
        "east",
    ]  # fmt: skip
    assert [answer for answer in numbers if not is_number(answer)] == []
    assert [answer for answer in others if is_number(answer)] == []


def _reason(problem: Problem) -> str:
    return next((name for name in ("image", "no_answer", "proof", "choice", "not_numerical") if ROWS[name].ask(problem, Criteria())), "")


def test_the_cases_of_loading(shared_data: Path) -> None:
    """F01: answers that say nothing, yes or no, letters; F02: 试证; F03: pictures."""
    rows = [json.loads(line) for line in (shared_data / "loading" / "21_numina.jsonl").read_text(encoding="utf-8").splitlines()]
    problems = Local(path=str(shared_data / "loading" / "21_numina.jsonl")).peek(len(rows))
    reasons = {row["problem"]: _reason(problem) for row, problem in zip(rows, problems, strict=True)}
    assert all(
        reasons[row["problem"]] for row in rows if row["answer"] in ("proof", "notfound", "N/A", "None", "Yes", r"\text{Yes}", "A", "B")
    )
    proofs = ["试证 $a+b\\ge 2$。", "求证：$a+b\\ge 2$。", "Demonstrate that $1+1=2$.", "Show that $n^2\\ge 0$."]
    assert {reasons[question] for question in proofs} <= {"proof", "no_answer"}
    assert reasons[proofs[0]] == "proof"
    pictures = ["如下图所示，求面积。", "由图可知，求x。", "<image>\nFind AB.", "In Figure 2, find AB.", "As shown in Fig. 3, find AB."]
    assert {reasons[question] for question in pictures} == {"image"}
    kept = [
        "求值。", "Find the length of the diagonal.", "Find the angle.", "x is what?", "Show your work: what is 2+2?",
        "Let G be a graph. In the graph $y=x^2$, find the minimum.", "A figure skater spins 3 times. How many spins?", "How much is it?",
        "Ed proved that he ran 4 laps of 3 km. How far?", "The bar graph shows sales. Find the mean of 2 and 4.", "Zero?",
    ]  # fmt: skip
    assert {reasons[question] for question in kept} == {""}
    cases = [json.loads(line)["id"] for line in (shared_data / "loading" / "cases.jsonl").read_text().splitlines()]
    assert {case for case in cases if case.startswith("F")} == {"F01", "F02", "F03"}
