"""The leaderboard in all its forms."""

import csv
import json
import re
from collections import Counter
from html import unescape
from pathlib import Path

import pytest

from o1exp.media.text import label
from o1exp.tti.__main__ import main
from o1exp.tti.board import csv_text, html_text, latex_text, ranked
from o1exp.tti.index import Standing
from tests.tti.test_checklist import BY_HAND

OWN = Standing("<script>alert(1)</script> & 50 % _x_", {"data": 14, "methodology": 33, "evaluation": 24, "open_source": 6})


def test_the_seven_works_are_printed_sorted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.rstrip().endswith("published")]
    assert [int(line.split()[-2]) for line in lines] == [79, 76, 33, 20, 16, 11, 0]


def test_checklists_stand_among_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / name) for name in ("deep/b.html", "b.tex", "b.csv", "c.csv")]
    assert main(["board", str(BY_HAND), "--html", files[0], "--latex", files[1], "--csv", files[2], "--out", files[3]]) == 0
    assert re.search(r"quick start, by hand +14 +33 +24 +0 +71 +checklist", capsys.readouterr().out)
    assert Path(files[2]).read_text() == Path(files[3]).read_text()
    rows = list(csv.DictReader(Path(files[2]).read_text().splitlines()))
    assert [(row["work"], row["total"], row["published"]) for row in rows[:3]] == [
        ("O1-Journey (Part 2)", "79", "true"), ("O1-Journey (Part 1)", "76", "true"), ("quick start, by hand", "71", "false"),
    ]  # fmt: skip
    assert "quick start, by hand & 14 & 33 & 24 & 0 & 71" in Path(files[1]).read_text()
    assert main(["board", "--out", str(tmp_path / "b.pdf")]) == 2
    assert "write one of .html, .tex, .csv" in capsys.readouterr().err
    (mine := tmp_path / "mine.yaml").write_text(BY_HAND.read_text())
    assert main(["board", str(mine), "--html", str(mine)]) == 2
    assert mine.read_text() == BY_HAND.read_text()


def test_machines_get_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", str(BY_HAND), "--json", "--csv", str(tmp_path / "b.csv")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [work["points"]["total"] for work in told["works"]] == [79, 76, 71, 33, 20, 16, 11, 0]
    assert [work["work"] for work in told["works"] if not work["published"]] == ["quick start, by hand"]
    assert told["files"] == [str(tmp_path / "b.csv")]


def test_the_picture_has_a_bar_for_every_part(tmp_path: Path) -> None:
    page = html_text(ranked([OWN]))
    words = [unescape(word) for word in re.findall(r"<text[^>]*>([^<]*)</text>", page)]
    parts = [str(points) for row in ranked([OWN]) for points in row.points.values() if points >= 4]
    numbers = Counter(word for word in words if word.isdigit())
    assert not Counter(parts) - numbers, "every part that has room for it"
    assert all(label(row.name) in words for row in ranked([OWN]))
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)|@import|url\((?!#)""", page.replace('xlink:href="#', ""))
    assert page.count(">published<") == 7


def test_published_sums_are_marked_and_names_are_escaped() -> None:
    text = latex_text(ranked([OWN]))
    assert text.count(r"$^\dagger$") == 7 + 1
    assert r"\& 50 \% \_x\_ & 14" in text
    assert len(csv_text(ranked([OWN])).splitlines()) == 9
