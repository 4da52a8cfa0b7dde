"""Architectures in processes of their own, forked from one that has the libraries loaded: a crash or a hang costs one row."""

import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.zoo.models import architectures, words
from tests.zoo.row import Row, examine

LIBRARIES = ["tests.zoo.loaded", "tests.zoo.row"]
SECONDS = 120


def rows(names: Iterable[str]) -> Iterator[Row]:
    """Each architecture's row, in order."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    for name in names:
        yield _alone(context, name)


def _alone(context: multiprocessing.context.ForkServerContext, name: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_examine, args=(name, folder))
        process.start()
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        found = Path(folder) / "row.json"
        if not found.exists():
            end = f"took more than {SECONDS} s" if process.exitcode == -9 else f"ended its process with {process.exitcode}"
            return Row(name=name, kind=architectures()[name], trains="wrong", samples="wrong", faults=(end,))
        values = json.loads(found.read_text())
        return Row(**{**values, "faults": tuple(values["faults"])})


def _examine(name: str, folder: str) -> None:
    from transformers import AutoTokenizer

    warnings.simplefilter("ignore")
    # In this process alone: some architectures bring a class of tokenizer that reads no other's files.
    AutoTokenizer.from_pretrained = staticmethod(lambda *given, **asked: words())
    with open(os.path.join(folder, "log"), "w") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        row = examine(name, Path(folder))
    partial = Path(folder) / "row.part"
    partial.write_text(json.dumps(asdict(row)))
    partial.rename(Path(folder) / "row.json")
    sys.stdout.flush()
    os._exit(0)
