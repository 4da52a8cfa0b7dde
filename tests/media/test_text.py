"""Names as each medium takes them."""

import csv
import io
import re

import pytest

from o1exp.media.text import LABEL, clipped, csv_cell, file_name, label, labels, latex, markdown_cell, one_line

NASTY = (
    "cost $5 or $6", "$\\frac{$", "_tuned_", "a^b_{c} 100 %#&~\\", "line\nbreak\ttab", "=cmd|' /C calc'!A0", "@sum", "-1+2", "\t=x",
    "<img src=x onerror=alert(1)>", "\u0645\u0631\u062d\u0628\u0627", "abc\u202egnp.exe", "\U0001f600", "x" * 300, "[/red]", "[a](b) `c`",
    "..", "a/../b", "/", "\u4e2d\u6587", "it's", "\x00null", "two  spaces", "*",
)  # fmt: skip
"""Names that a medium could take for something else."""


@pytest.mark.parametrize("name", [*NASTY, "\ud800"])
def test_a_line_is_one_line_and_turns_nothing(name: str) -> None:
    shown = one_line(name)
    assert not re.search("[\x00-\x1f\u2028\u2029\u202a-\u202e]", shown)
    assert shown == one_line(shown)
    shown.encode()


@pytest.mark.parametrize("name", NASTY)
def test_latex_holds_no_sign_that_acts(name: str) -> None:
    shown = latex(name)
    bare = re.sub(r"\\text(?:backslash|asciitilde|asciicircum)\{\}|\\[&%$#_{}]|^\{[\[*]\}", "", shown)
    assert not re.search(r"[\\&%$#_{}~^]", bare), shown
    assert not shown.startswith(("[", "*")), "behind a line break they would be its argument"


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    out = io.StringIO()
    csv.writer(out).writerows([[csv_cell(name), csv_cell(-1.5), csv_cell(None)] for name in NASTY])
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert len(rows) == len(NASTY)
    assert not any(row[0].lstrip().startswith(("=", "+", "-", "@")) for row in rows)
    assert {row[1] for row in rows} == {"-1.5"}, "numbers stay numbers"


def test_labels_are_short_tell_arms_apart_and_stand_in_legends() -> None:
    twins = [f"{'a' * 40}{sign}{'z' * 40}" for sign in "xyz"]
    found = labels([*NASTY, *twins])
    assert len(set(found.values())) == len(NASTY) + 3
    assert all(0 < len(shown) <= LABEL + 4 and not shown.startswith("_") for shown in found.values())
    assert label("plain") == "plain"
    assert clipped("abcdefgh", 5) == "ab…gh"


def test_text_stays_in_its_cell() -> None:
    assert markdown_cell("a | b\n<img src=x>`c`") == r"a \| b \<img src=x\>\`c\`"
    assert markdown_cell("_x_ max_tokens $1$ ~~no~~") == r"\_x\_ max_tokens \$1\$ \~\~no\~\~"


@pytest.mark.parametrize("name", NASTY)
def test_a_file_name_climbs_nowhere(name: str) -> None:
    shown = file_name(name)
    assert shown not in ("", ".", "..")
    assert not re.search(r"[/\\\x00-\x1f]", shown)
    assert len(shown) <= 120
