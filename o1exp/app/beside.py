"""What a run needs beside its outputs folder: stores, the book of answers, a launcher. Whether they are there is known before it starts."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.markup import escape

from o1exp.chat.accounts import open_book
from o1exp.chat.layout import NAME
from o1exp.chat.postgres import Postgres
from o1exp.chat.purse import url_of
from o1exp.flow.errors import StageFailed
from o1exp.flow.store import Store


def stores(store: Store, writes: bool = False) -> list[str]:
    """A sentence for each store that cannot be read, or, where it `writes`, published in; a warning for one that is empty."""
    for url in store.stock.empty():
        said = f"store.readonly: {url} holds no artefacts (no folder {url.rstrip('/')}/artefacts); is another folder meant?"
        store.console.line(f"[yellow]empty[/]   {escape(said)}")
    return list(store.stock.refused(writes))


def book(ledger: Any, root: Path) -> Iterator[str]:
    """Why no answer could be kept in the book of the outputs folder, which is the one that `ledger` names, or is already there."""
    if why := ledger.other_than(root):
        yield f"ledger.url={ledger.url}: {why}"
        return
    try:
        url = ledger.url or url_of(root)
        if why := _server(url) if url else _file(root):
            yield f"ledger: {why}"
    except (StageFailed, ValueError) as wrong:
        yield f"ledger: {wrong}"


def launcher(target: str) -> Iterator[str]:
    """What the launcher of this class lacks here."""
    kind = target.rpartition(".")[2]
    if kind == "RayLauncher" and find_spec("ray") is None:
        yield "hydra/launcher=ray needs Ray: pip install 'o1exp[ray]'"
    if kind == "SlurmLauncher" and shutil.which("srun") is None:
        yield "hydra/launcher=submitit_slurm: there is no srun here; start on a node of the cluster, or take hydra/launcher=submitit_local"


def _server(url: str) -> str:
    with closing(Postgres(url)) as base:
        return "" if base.takes() else f"{url} takes no rows from this user, or only follows another server; name the one that takes them"


def _file(root: Path) -> str:
    path = root / NAME
    if path.is_dir():
        return f"{path} is a folder, and answers have to be kept there; move it away"
    try:
        with open_book(root) as found:
            found.reserved()
    except sqlite3.Error as wrong:
        return f"{path} cannot be read ({wrong}); look whether it may be"
    if path.exists() and not os.access(path, os.W_OK):
        return f"{path} cannot be written; make the file writable, or give another folder with outputs="
    return ""
