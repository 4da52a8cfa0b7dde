"""What stands in a docstring is not code: a field or a version written there has no effect."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import o1exp

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
