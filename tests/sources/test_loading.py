"""Files as people keep them, each read as `loading/cases.jsonl` says: read, refused in a sentence, or reported by row."""

import json
from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import StageFailed, Store
from o1exp.records import Problem
from o1exp.sources.local import Local

Reported = list[tuple[int, str]]


def loaded(folder: Path, path: Path, **settings: Any) -> tuple[list[Problem], Reported]:
    """The problems that the stage makes of a file, and the rows that it reports."""
    store, source = Store(folder), Local(path=str(path), **settings)
    problems = list(store.get(source))
    listed = (store.folder(source) / "unreadable.tsv").read_text(encoding="utf-8").splitlines()
    return problems, [(int(place), reason) for place, reason in (line.split("\t") for line in listed)]


READ: list[tuple[str, str, dict[str, Any], list[str], list[str]]] = [
    # cases, file, settings, the answers, the reasons of rows that are reported
    (
        "L01 L02 L03", "01_mixed.jsonl", {}, ["5", "3.5", "3", "2, -2", "1", "true", "", "", "1" + "0" * 22, "7"],
        ["9 column answer holds an object with the fields value, unit; name one of its fields, e.g. fields.answer=answer.value"],
    ),
    ("L02", "37_nan.parquet", {}, ["", "3"], []),
    ("L04", "18_prompt_msgs.jsonl", {"fields": {"answer": "reward_model.ground_truth"}}, ["3"], []),
    ("L04", "34_verl.parquet", {"fields": {"answer": "reward_model.ground_truth"}}, ["3"], []),
    ("L04", "34_verl.parquet", {}, ["3"], []),
    ("L06", "51_fboxsol.jsonl", {}, ["9"], []),
    ("L06", "15_math.jsonl", {}, [r"\frac{1}{2}", "3", "", "9", "9"], []),
    ("L07", "44_solanswer.jsonl", {}, ["3", "4"], []),
    ("L09", "26_list.jsonl", {}, ["3", "4"], []),
    ("L09", "25_pretty.jsonl", {}, ["3", "4"], []),
    ("L10", "13_keyed.json", {}, ["3", "4"], []),
    ("L10", "38_mathvista.json", {}, ["1.2", "3"], []),
    ("L11", "39_splits.json", {"split": "train"}, ["3", "4"], []),
    ("L11", "12_splits.json", {"split": "test"}, ["4"], []),
    ("L14", "27_caps.jsonl", {}, ["3"], []),
    ("L14", "28_prob_lower.jsonl", {}, ["113"], []),
    ("L16", "17_msgs.jsonl", {}, ["3"], []),
    ("L16", "19_sharegpt.json", {}, ["3"], []),
    ("L17", "02_bom.jsonl", {}, ["2", "4"], []),
    ("L18", "03_sep.jsonl", {}, ["3", "4"], []),
    ("L19", "05_surr.jsonl", {}, ["3", "8"], []),
    (
        "L20", "24_broken.jsonl", {}, ["3", "5"],
        ["2 no JSON: Unterminated string starting at column 35", "4 no JSON: Unterminated string starting at column 26"],
    ),
    ("L20", "10_ragged.csv", {}, ["3", "10"], ["2 more columns than the header names"]),
    ("L21", "08.csv", {}, ["007", "1/2", "NA", "", "None", "3.140"], []),
    ("L22", "20_olymp.json", {}, ["$3$, $-3$", "4.5"], []),
    ("L23", "16_gsm.jsonl", {}, ["7", "1,200", "-3"], []),
    ("L24", "04_crlf.jsonl", {}, ["2", "3"], []),
    ("L24", "14_cols.json", {}, ["3", "4"], []),
    ("L24", "11_nested.json", {}, ["3", "4"], []),
    ("L24", "23_dup.jsonl", {}, ["3", "4", "3"], []),
    ("L24", "33.parquet", {}, ["27", "4.5", ""], []),
    ("L24", "35_bin.parquet", {}, ["3"], []),
    ("L24", "32.tsv", {}, ["3", "4"], []),
    ("L24", "45_ctrl.jsonl", {}, ["3", "4"], []),
    ("L24", "46_nul.jsonl", {}, ["3"], []),
    ("L24", "48_long.csv", {}, ["3"], []),
    ("L24", "49_spacehdr.csv", {}, ["3"], []),
    ("L24", "50_quoted_int.jsonl", {}, ["123456789012345678901234567890", "0", "1.5e-07", "0.1"], []),
    ("", "30_openr1.jsonl", {}, ["3"], []),
    ("", "31_wrapped.jsonl", {}, ["3", r"\(4\)", "5", "6", "7", "1, 2"], []),
    ("", "40_late.jsonl", {}, [""] * 120 + ["5"], []),
]  # fmt: skip
REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("L03", "18_prompt_msgs.jsonl", {"fields": {"answer": "reward_model"}}, "row 1: column reward_model holds an object with the fields "
     "style, ground_truth; name one of its fields, e.g. fields.answer=reward_model.style"),
    ("L09", "47_empty.jsonl", {}, "47_empty.jsonl: it has no rows"),
    ("L11", "39_splits.json", {}, "39_splits.json holds several sets of rows, train (2 rows) and test (1 rows): say which by split=NAME"),
    ("L11", "12_splits.json", {"split": "dev"}, "12_splits.json has no split dev; it holds train, test"),
    ("L15", "07_gbk.csv", {}, "07_gbk.csv is no UTF-8 text"),
    ("L25", "06_u16.jsonl", {}, "06_u16.jsonl is no UTF-8 text"),
    ("L25", "29.jsonl.gz", {}, "29.jsonl.gz is packed (gzip); unpack it"),
    ("L25", "09_semi.csv", {}, "09_semi.csv is separated by ';', not by ','"),
]  # fmt: skip


@pytest.mark.parametrize("case", READ, ids=[f"{case[1]}-{place}" for place, case in enumerate(READ)])
def test_a_file_is_read_as_it_is_meant(shared_data: Path, tmp_path: Path, case: Any) -> None:
    _, name, settings, answers, reasons = case
    problems, reported = loaded(tmp_path, shared_data / "loading" / name, **settings)
    assert [problem.answer for problem in problems] == answers
    assert [f"{place} {reason}" for place, reason in reported] == reasons
    assert all(problem.question for problem in problems)
    assert not any(mark in problem.question + problem.answer for problem in problems for mark in ("{'", "[{", "b'"))


@pytest.mark.parametrize("case", REFUSED, ids=[f"{case[1]}-{place}" for place, case in enumerate(REFUSED)])
def test_a_file_that_cannot_be_meant_is_refused_in_a_sentence(shared_data: Path, tmp_path: Path, case: Any) -> None:
    _, name, settings, message = case
    with pytest.raises(StageFailed) as refused:
        loaded(tmp_path, shared_data / "loading" / name, **settings)
    assert message in str(refused.value).splitlines()[0]


def test_every_case_of_loading_has_its_test(shared_data: Path) -> None:
    cases = [json.loads(line)["id"] for line in (shared_data / "loading" / "cases.jsonl").read_text().splitlines()]
    tested = {name for cases in ([case[0] for case in READ], [case[0] for case in REFUSED]) for case in cases for name in case.split()}
    assert {case for case in cases if case.startswith("L")} == tested
