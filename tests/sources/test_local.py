import json
from pathlib import Path

import pytest

from o1exp.flow import SettingsError, StageFailed, Store
from o1exp.records import Problem
from o1exp.sources.local import Local

ROWS = [{"question": "1+1?", "answer": 2.0}, {"question": "2+2?", "answer": "\\boxed{4}"}]


def _problems(store: Store, source: Local) -> list[Problem]:
    return list(store.get(source))


def _write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", "\r\n".join(map(json.dumps, ROWS))),
        ("a.json", json.dumps(ROWS)),
        ("lines.json", "\n".join(map(json.dumps, ROWS)) + "\n"),
        ("wrapped.json", json.dumps({"version": 1, "data": ROWS})),
        ("pandas.json", json.dumps({"question": {"0": "1+1?", "1": "2+2?"}, "answer": {"0": 2.0, "1": "\\boxed{4}"}})),
        ("columns.json", json.dumps({"question": ["1+1?", "2+2?"], "answer": [2.0, "\\boxed{4}"]})),
        ("a.csv", "question,answer\n1+1?,2\n2+2?,\\boxed{4}\n"),
    ],
)
def test_every_shape_gives_the_same_problems(tmp_path: Path, name: str, text: str) -> None:
    problems = _problems(Store(tmp_path), Local(path=_write(tmp_path / name, text)))
    assert [(p.question, p.answer) for p in problems] == [("1+1?", "2"), ("2+2?", "4")]


def test_parquet_and_save_to_disk(tmp_path: Path) -> None:
    import datasets

    data = datasets.Dataset.from_list([{"problem": "1+1?", "final_answer": ["$2$"], "solution": "easy"}])
    data.to_parquet(tmp_path / "a.parquet")
    data.save_to_disk(tmp_path / "folder")
    for path in (tmp_path / "a.parquet", tmp_path / "folder"):
        assert [(p.answer, p.solution) for p in _problems(Store(tmp_path), Local(path=str(path)))] == [("$2$", "easy")]


def test_a_text_may_hold_any_line_separator_but_the_newline(tmp_path: Path) -> None:
    rows = [{"question": "one\u2028two\x85three?", "answer": "2"}]
    path = _write(tmp_path / "a.jsonl", json.dumps(rows[0], ensure_ascii=False) + "\n")
    assert [p.question for p in _problems(Store(tmp_path), Local(path=path))] == ["one\u2028two\x85three?"]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"question": "\xff"}')
    with pytest.raises(StageFailed, match="no UTF-8 text"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "a.jsonl")))


def test_unreadable_rows_are_counted_and_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    source = Local(path=_write(tmp_path / "a.jsonl", '{"question": "1+1?", "answer": "2"}\n{broken\n{"question": "", "answer": "3"}\n'))
    assert len(_problems(store, source)) == 1
    manifest = store.manifest(source)
    assert manifest is not None
    assert manifest.facts["unreadable"] == 2
    listed = (store.folder(source) / "unreadable.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == ["2", "3"]


def test_a_problem_says_where_it_stands(tmp_path: Path) -> None:
    source = Local(
        name="sums", path=_write(tmp_path / "a.jsonl", '{"question": "1+1?", "answer": "2"}\n\n{"question": "2+2?", "answer": "4"}\n')
    )
    kept = _problems(Store(tmp_path), source)
    assert [(p.source, p.revision, p.row) for p in kept] == [("sums", source.sha256, 1), ("sums", source.sha256, 3)]


def test_unreadable_rows_of_a_table_are_named_too(tmp_path: Path) -> None:
    text = 'problem,answer\n1+1?,2\n"one, "two" or three?",3\n2+2?,"4"\n'
    store, source = Store(tmp_path), Local(path=_write(tmp_path / "a.csv", text))
    assert [p.answer for p in _problems(store, source)] == ["2", "4"]
    assert (store.folder(source) / "unreadable.tsv").read_text().startswith("2\tno CSV: ")


def test_a_header_stands_in_the_first_row_that_has_one_and_names_each_column_once(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "\n\nproblem,answer\n1+1?,2\n")
    assert [p.answer for p in _problems(Store(tmp_path), Local(path=path))] == ["2"]
    twice = Local(path=_write(tmp_path / "b.csv", "problem,answer,answer\n1+1?,2,3\n"))
    assert next(twice.preflight()).endswith("b.csv names the column answer twice; give each column a name of its own")


@pytest.mark.parametrize("quote", ['"one" and two?', 'one "and" two?'])
def test_quotes_of_a_tsv_file_belong_to_its_texts(tmp_path: Path, quote: str) -> None:
    path = _write(tmp_path / "a.tsv", f"problem\tanswer\n{quote}\t2\n2+2?\t4\n")
    assert [(p.question, p.answer) for p in _problems(Store(tmp_path), Local(path=path))] == [(quote, "2"), ("2+2?", "4")]


def test_json_is_read_under_any_ending_and_a_packed_file_is_not(tmp_path: Path) -> None:
    for name in ("a.txt", "a.json.bak", "a", "a.csv"):
        path = _write(tmp_path / name, json.dumps(ROWS))
        assert [p.answer for p in _problems(Store(tmp_path / "out"), Local(path=path))] == ["2", "4"]
    (tmp_path / "a.jsonl").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(StageFailed, match=r"is packed \(zip\)"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "a.jsonl")))


def test_a_row_may_have_other_columns_than_the_first(tmp_path: Path) -> None:
    rows = [{"problem": "1+1?", "answer": "2"}, {"question": "2+2?", "gold": 4.0, "id": "x"}, {"query": "3+3?", "solution": "\\boxed{6}"}]
    source = Local(path=_write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [p.answer for p in _problems(Store(tmp_path), source)] == ["2", "4", "6"]
    fixed = Local(path=source.path, fields={"problem": "problem", "answer": "answer", "solution": "", "id": ""})
    assert [p.answer for p in _problems(Store(tmp_path), fixed)] == ["2"]


def test_an_answer_is_no_object_and_no_bytes(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist([{"problem": "1+1?", "answer": b"2", "meta": {"gold": {"value": 2.0}}}])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(StageFailed, match="row 1: column answer holds bytes, which is no text"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "a.parquet")))
    with pytest.raises(StageFailed, match=r"column meta.gold holds an object with the fields value; .* fields.answer=meta.gold.value"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "a.parquet"), fields={"answer": "meta.gold"}))
    assert [
        p.answer for p in _problems(Store(tmp_path), Local(path=str(tmp_path / "a.parquet"), fields={"answer": "meta.gold.value"}))
    ] == ["2"]


def test_a_file_of_which_nothing_can_be_read_is_an_obstacle(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", '{"question": "1+1?", "answer": {"value": "2"}}\n')
    assert next(Local(path=path).preflight()).endswith("name one of its fields, e.g. fields.answer=answer.value")
    assert next(Local(path=path, fields={"answer": "answer.value"}).preflight(), "") == ""


def test_a_split_of_a_folder_is_named(tmp_path: Path) -> None:
    import datasets

    part = datasets.Dataset.from_list(ROWS[1:])
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(tmp_path / "folder")
    with pytest.raises(StageFailed, match="say which by split=NAME; it has train, test"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "folder")))
    assert len(_problems(Store(tmp_path), Local(path=str(tmp_path / "folder"), split="test"))) == 1
    (tmp_path / "plain").mkdir()
    _write(tmp_path / "plain" / "a.txt", "{}")
    with pytest.raises(StageFailed, match=r"is no save_to_disk folder; give one of its files: a.txt"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "plain")))


def test_the_key_follows_the_content_not_the_path(tmp_path: Path) -> None:
    text = json.dumps(ROWS)
    one, two = Local(path=_write(tmp_path / "a.json", text)), Local(path=_write(tmp_path / "b.json", text))
    assert one.key == two.key
    assert Local(path=_write(tmp_path / "b.json", text + "\n")).key != one.key


def test_a_pinned_file_that_changed_is_an_obstacle(tmp_path: Path) -> None:
    pinned = Local(path=_write(tmp_path / "a.json", "[]"), sha256="0" * 64)
    assert "use that file or change sha256" in next(pinned.preflight())
    assert "path is not given" in next(Local().preflight())


def test_wrong_settings_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        Local(path=str(tmp_path / "nowhere.json"))
    source = Local(path=_write(tmp_path / "a.json", json.dumps([{"text": "1+1?", "label": 2}])))
    with pytest.raises(StageFailed, match=r"set fields.problem=COLUMN"):
        Store(tmp_path).get(source)
    wrong = Local(path=source.path, fields={"problem": "txt"})
    with pytest.raises(StageFailed, match=r"fields.problem=txt: there is no such column; the file has label, text"):
        Store(tmp_path).get(wrong)


def test_limit_and_skip(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", "".join(json.dumps({"question": f"{n}?", "answer": str(n)}) + "\n" for n in range(250)))
    assert [p.answer for p in _problems(Store(tmp_path), Local(path=path, skip=120, limit=2))] == ["120", "121"]


def test_real_files(shared_data: Path, tmp_path: Path) -> None:
    expected = {
        "gsm8k/test.jsonl": 1319,
        "aime2024/AIME24.jsonl": 30,
        "aimo_validation/aimo-validation-aime.jsonl": 90,
        "aimo_validation/aimo-validation-amc.jsonl": 83,
        "limo_traces/official-solution.jsonl": 497,
        "math500/math_test_cleaned.json": 500,
        "math500/orz_math500.json": 500,
        "olympiadbench/test.jsonl": 675,
        "amc23/test.jsonl": 40,
        "cmath/cmath.jsonl": 600,
        "s1k_hf/reasoning_dataset.parquet": 5,
        "simpleqa/simple_qa_test_set.csv": 4326,
        "s1k/s1k.json": 1000,
    }
    store = Store(tmp_path)
    for name, count in expected.items():
        problems = _problems(store, Local(path=str(shared_data / name)))
        assert len(problems) == count, name
        assert len({p.id for p in problems}) == count, name
    gsm8k = _problems(store, Local(path=str(shared_data / "gsm8k/test.jsonl")))
    assert gsm8k[0].answer == "18"
    assert gsm8k[0].solution.endswith("#### 18")


@pytest.mark.parametrize("ids", [["a", "a~2", "a"], ["a", "a", "a~2"], ["a", "a", "a", "a~3", "a"]])
def test_each_problem_has_an_id_of_its_own_whatever_ids_the_rows_have(tmp_path: Path, ids: list[str]) -> None:
    rows = [{"id": name, "question": f"{at}?", "answer": "1"} for at, name in enumerate(ids)]
    problems = _problems(Store(tmp_path), Local(path=_write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))))
    assert len({p.id for p in problems}) == len(ids)


@pytest.mark.parametrize("name", ["A.CSV", "A.TSV", "A.JSONL"])
def test_an_ending_in_capitals_is_the_same_ending(tmp_path: Path, name: str) -> None:
    text = {"A.CSV": "question,answer\n1?,2\n", "A.TSV": "question\tanswer\n1?\t2\n", "A.JSONL": '{"question": "1?", "answer": 2}\nno\n'}
    assert [p.answer for p in _problems(Store(tmp_path), Local(path=_write(tmp_path / name, text[name])))] == ["2"]


def test_the_only_split_of_a_folder_is_taken_and_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    import datasets

    part = datasets.Dataset.from_list([{"problem": "1+1?", "answer": "2"}])
    datasets.DatasetDict({"train": part}).save_to_disk(tmp_path / "one")
    part.save_to_disk(tmp_path / "plain")
    assert [p.answer for p in _problems(Store(tmp_path), Local(path=str(tmp_path / "one")))] == ["2"]
    with pytest.raises(StageFailed, match="has no split test; it holds train"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "one"), split="test"))
    with pytest.raises(StageFailed, match="no split test; leave split empty"):
        _problems(Store(tmp_path), Local(path=str(tmp_path / "plain"), split="test"))


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("\frac{1}{2}", "\\frac{1}{2}"),
        ("\theta", "\\theta"),
        ("\boxed{3}", "3"),
        (["\frac{1}{2}", "2"], "\\frac{1}{2}, 2"),
        ("", "3"),
    ],
)
def test_backslashes_that_json_ate_come_back(tmp_path: Path, answer: object, right: str) -> None:
    row = {"question": "1?", "answer": answer, "solution": "So it is \boxed{3}."}
    problems = _problems(Store(tmp_path), Local(path=_write(tmp_path / "a.jsonl", json.dumps(row))))
    assert [p.answer for p in problems] == [right]


@pytest.mark.parametrize("name", ["train.jsonl", "train.parquet", "train.csv", "train"])
def test_a_file_that_only_stands_for_the_data_is_named_with_its_remedy(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    [said] = Local(path=str(path)).preflight()
    assert said.endswith(f"{name} is a Git LFS pointer, not the file itself; run git lfs pull in {tmp_path}, or download it again")
    path.write_text("\n<!DOCTYPE html>\n<html><body>Not Found</body></html>\n")
    [said] = Local(path=str(path)).preflight()
    assert f"{name} is a web page, not data" in said
