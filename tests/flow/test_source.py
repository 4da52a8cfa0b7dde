import json
from pathlib import Path

import pytest

from o1exp.config.groups import classes
from o1exp.flow import source
from tests.flow.stages import Numbers


def test_no_stage_changed_without_a_decision() -> None:
    kept = json.loads(source.LOCK.read_text())
    now = source.digests(source.stage_classes(classes().values()))
    changed = sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name))
    assert not changed, f"the source of {changed} changed: raise `version` if results change, then `make lock`"


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ['"""One."""\nx = 1  # one\n', '"""Two."""\n\nx = (1)\n', "x = 2\n"]
    digests = []
    for n, text in enumerate(texts):
        path = tmp_path / f"m{n}.py"
        path.write_text(text)
        monkeypatch.setattr(source, "_file", lambda module, path=path: path)
        source._code.cache_clear()
        digests.append(source._code("m"))
    source._code.cache_clear()
    assert digests[0] == digests[1] != digests[2]


def test_a_stage_counts_the_code_it_imports() -> None:
    modules: set[str] = set()
    source._collect("o1exp.curate.rules", modules)
    assert "o1exp.answers.normalise" in modules
    assert not any(name.startswith("o1exp.flow") for name in modules)
    assert source.source_digest(Numbers)
