"""What stands in a docstring is not code: a field or a version written there has no effect."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import o1exp
from o1exp.bench.bench import Bench
from o1exp.bench.engines.embedded import Embedded
from o1exp.bench.engines.remote import Remote
from o1exp.bench.sample import Sample
from o1exp.chat.servers.llama import Llama
from o1exp.chat.servers.procedural import Procedural
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Settings
from o1exp.flow.check import typed_fields
from o1exp.thoughts.distil import Distil
from o1exp.thoughts.reformat import Reformat
from o1exp.thoughts.solutions import Solutions
from o1exp.thoughts.verify import Rejection

PACKAGE = Path(o1exp.__file__).parent


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Docstrings of modules, classes and functions, and the strings below fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for child in node.body:
                if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str):
                    yield child.value.value


def sets_something(line: str) -> bool:
    """Is the line an assignment (`x = 1`, `x: int = 1`) or a class variable, and no sentence, which ends in a full stop?"""
    try:
        body = ast.parse(line.strip()).body
    except SyntaxError:
        return False
    if not body or line.rstrip().endswith("."):
        return False
    found = body[0]
    return isinstance(found, ast.Assign) or (isinstance(found, ast.AnnAssign) and (found.value is not None or "ClassVar" in line))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_docstring_holds_a_field(path: Path) -> None:
    found = [line for text in docstrings(ast.parse(path.read_text())) for line in text.splitlines() if sets_something(line)]
    assert not found, f"{path}: this stands in a docstring and sets nothing"


@pytest.mark.parametrize("line", ["    version: ClassVar[int] = 2", "lr: float = 1.0", "keep = 1", "    seed: ClassVar[int]"])
def test_a_field_is_told(line: str) -> None:
    assert sets_something(line)


@pytest.mark.parametrize("line", ["Errors: ValueError", "difference = 0.", "x = 1, or f(x) = 2, where x is a number", "a == b", ""])
def test_from_a_sentence(line: str) -> None:
    assert not sets_something(line)


SAID = (Teacher, Procedural, Llama, Budget, Bench, Sample, Embedded, Remote, Distil, Reformat, Solutions, Rejection)


@pytest.mark.parametrize("cls", SAID, ids=lambda cls: cls.__name__)
def test_each_setting_has_a_line_below_it(cls: type[Settings]) -> None:
    said = {name for base in cls.__mro__ if issubclass(base, Settings) for name in fields_with_a_line(base)}
    assert [field.name for field, _ in typed_fields(cls) if field.name not in said] == []


def fields_with_a_line(cls: type) -> Iterator[str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, below in pairwise(body.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            yield field.target.id
