"""What source files hold: their code without comments, docstrings and layout, what they import, which templates they name.

Reading a file takes about ten milliseconds, so what was read is kept from run to run (`~/.cache/o1exp`), by the file's size and times.
"""

import ast
import hashlib
import importlib.util
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from o1exp.flow.content import settled

LIBRARY = Path(__file__).resolve().parent.parent
NOUNS = "o1exp.records.nouns"
"""Each of its classes counts by itself: another column of a score is no other source of a training."""
_FILE_NAME = re.compile(r"[\w/-]+(\.[\w-]+)*\.(j2|html|css|yaml|json|txt)")
_FORM = 1


@dataclass(frozen=True)
class ModuleFacts:
    """A module: the digest of its `code`; (module, name) for each of its `imports`, the name empty for a whole module; the names of `texts`
    that may lie beside it; and, of the nouns, the `parts`: digest and used names of each.
    """

    code: str
    imports: list[tuple[str, str]]
    texts: list[str]
    parts: dict[str, tuple[str, list[str]]]


class Files:
    """The modules of this process, each read once; `place` keeps what was read for the next process."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._read: dict[str, ModuleFacts | None] = {}
        self._texts: dict[str, dict[str, str]] = {}
        self._kept: dict[str, Any] = {}
        self._new = False
        with suppress(OSError, ValueError):
            kept = json.loads(place.read_text(encoding="utf-8"))
            self._kept = kept["files"] if kept["form"] == _FORM else {}

    def facts(self, module: str) -> ModuleFacts | None:
        """None where the module has no source file."""
        if module not in self._read:
            path = file_of(module)
            self._read[module] = None if path is None else self._facts(path, module)
        return self._read[module]

    def _facts(self, path: str, module: str) -> ModuleFacts:
        began, stat = time.time(), os.stat(path)
        stamp = [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size]
        kept = self._kept.get(path)
        if kept is not None and kept["stamp"] == stamp:
            return ModuleFacts(**kept["facts"])
        facts = read(Path(path).read_text(encoding="utf-8"), module)
        if settled(stat.st_ctime_ns, began):
            self._kept[path], self._new = {"stamp": stamp, "facts": asdict(facts)}, True
        return facts

    def templates(self, module: str) -> dict[str, str]:
        """The digests of the texts that lie beside a module and that it, or one of them, names."""
        if module not in self._texts:
            facts, path = self.facts(module), file_of(module)
            assert facts is not None
            assert path is not None
            self._texts[module] = dict(_texts(os.path.dirname(path), facts.texts))
        return self._texts[module]

    def save(self) -> None:
        """Keep what was read; where that cannot be written the next process reads again."""
        if self._new:
            there = {path: kept for path, kept in dict(self._kept).items() if os.path.exists(path)}
            partial = self._place.with_suffix(f".{os.getpid()}")
            with suppress(OSError):
                self._place.parent.mkdir(parents=True, exist_ok=True)
                partial.write_text(json.dumps({"form": _FORM, "files": there}), encoding="utf-8")
                partial.replace(self._place)
        self._new = False


@cache
def files() -> Files:
    return Files(Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "o1exp" / "sources.json")


@cache
def file_of(module: str) -> str | None:
    """Its source file, without importing anything of o1exp."""
    if module == "o1exp" or module.startswith("o1exp."):
        place = os.path.join(LIBRARY.parent, *module.split("."))
        return next((path for path in (f"{place}.py", os.path.join(place, "__init__.py")) if os.path.isfile(path)), None)
    if (loaded := sys.modules.get(module)) is not None:
        found = vars(loaded).get("__file__")
    else:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            return None
        found = spec.origin if spec else None
    return found if isinstance(found, str) and found.endswith(".py") and os.path.isfile(found) else None


def read(text: str, module: str) -> ModuleFacts:
    """A module's facts; imports only of o1exp and of the module's own package."""
    tree = ast.parse(text)
    _drop_words(tree)
    parts = {node.name: (_digest(node), sorted(_names(node))) for node in tree.body if isinstance(node, ast.ClassDef) and module == NOUNS}
    known = {"o1exp", module.partition(".")[0]}
    imports = sorted({pair for node in ast.walk(tree) for pair in _imports(node) if pair[0].partition(".")[0] in known})
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return ModuleFacts(_digest(tree), imports, sorted(c for c in constants if _FILE_NAME.fullmatch(c)), parts)


def _texts(folder: str, names: list[str]) -> Iterator[tuple[str, str]]:
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        path = os.path.join(folder, name)
        if name not in seen and os.path.isfile(path):
            seen.add(name)
            text = Path(path).read_text(encoding="utf-8")
            yield name, hashlib.sha256(text.encode()).hexdigest()[:16]
            waiting += [match[0] for match in _FILE_NAME.finditer(text)]


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom) and node.module:
        yield from ((node.module, alias.name) for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)


def _drop_words(tree: ast.Module) -> None:
    """Take out docstrings, of modules, classes, functions and fields, and the empty pieces that Python 3.12 sees in some f-strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            node.values = [piece for piece in node.values if not (isinstance(piece, ast.Constant) and piece.value == "")]
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _digest(tree: ast.AST) -> str:
    return hashlib.sha256("".join(_words(tree)).encode()).hexdigest()[:16]


def _words(value: Any) -> Iterator[str]:
    """A tree in words that are the same in every version of Python: what is empty or absent is left out."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, inner in ast.iter_fields(value):
            if inner not in (None, []) and not isinstance(inner, ast.expr_context):
                yield f" {name}="
                yield from _words(inner)
        yield ")"
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
            yield ","
    else:
        yield repr(value)
