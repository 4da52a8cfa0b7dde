"""Every text file is UTF-8, whatever the machine's locale says: where a file is read or written as text, the encoding is named."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import o1exp

PACKAGE = Path(o1exp.__file__).parent
NO_FILES = {"os", "work", "stage", "goal", "webbrowser"}
"""What else opens: descriptors, artefacts, a browser."""


def unnamed(tree: ast.AST) -> Iterator[int]:
    """The lines of calls that leave the encoding of a text to the locale."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _of_text(node) and not any(word.arg in ("encoding", None) for word in node.keywords):
            yield node.lineno


def _of_text(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(attr="read_text"):
            return not call.args
        case ast.Attribute(attr="write_text"):
            return len(call.args) < 2
        case ast.Attribute(value=ast.Name(id="subprocess"), attr="run" | "Popen" | "check_output"):
            return any(word.arg in ("text", "universal_newlines") for word in call.keywords)
        case ast.Name(id="open") | ast.Attribute(attr="fdopen"):
            return _mode(call, 1)
        case ast.Attribute(value=ast.Name(id=name), attr="open") if name in NO_FILES:
            return False
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="open"):
            return False
        case ast.Attribute(attr="open"):
            return _mode(call, 0)
    return False


def _mode(call: ast.Call, place: int) -> bool:
    """Is it opened as text? A mode that is worked out is one of bytes, of which these have none to name."""
    named = next((word.value for word in call.keywords if word.arg == "mode"), None)
    mode = named or (call.args[place] if len(call.args) > place else ast.Constant("r"))
    return isinstance(mode, ast.Constant) and "b" not in str(mode.value)


def test_no_text_is_read_or_written_by_the_locale() -> None:
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{line}" for path in sorted(PACKAGE.rglob("*.py"))
        for line in unnamed(ast.parse(path.read_text(encoding="utf-8")))
    ]  # fmt: skip
    assert not found, f'name the encoding, encoding="utf-8": {", ".join(found)}'


def test_what_leaves_it_to_the_locale_is_seen() -> None:
    wrong = "p.read_text()\np.write_text(x)\nopen(p)\np.open('w')\nsubprocess.run(c, text=True)\nos.fdopen(n, 'w')\nopen(p, mode='a')"
    right = "p.read_text(encoding='utf-8')\nopen(p, 'rb')\np.open('wb')\nos.open(p, 1)\nwork.open(x)\nsubprocess.run(c)\nf(**words)"
    assert list(unnamed(ast.parse(wrong))) == [1, 2, 3, 4, 5, 6, 7]
    assert not list(unnamed(ast.parse(right)))


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_an_output_that_became_a_pipe_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """As in a process that was forked with a file and is handed a pipe."""
    there, here = os.pipe()
    with os.fdopen(there, "rb") as read, (tmp_path / "out").open("w", encoding=encoding) as stream:
        os.dup2(here, stream.fileno())
        os.close(here)
        monkeypatch.setattr(sys, "stdout", stream)
        o1exp.print_any_letter()
        print("done", flush=True)
        assert os.read(read.fileno(), 5) == b"done\n"


PLAN = ["experiment=quickstart", "action=plan", "outputs=out"]


def test_a_plan_in_a_locale_of_ascii(tmp_path: Path) -> None:
    """Configs and sources have letters beyond ASCII; Python is kept from helping itself to UTF-8."""
    plain = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LANG": "C", "LC_ALL": "C", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "o1exp", *PLAN], cwd=tmp_path, env=plain, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stdout + done.stderr
