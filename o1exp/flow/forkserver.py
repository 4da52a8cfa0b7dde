"""The server of `forks`: python -m o1exp.flow.forkserver ADDRESS MODULE ... forks for whoever asks at ADDRESS, until its stdin closes."""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from o1exp.flow.forks import loading

WAITING = 0.2
"""Seconds between two looks at what has ended."""


class Server:
    """Forks on request, reports how each worker ended, and ends those whose stand-in has gone."""

    def __init__(self, address: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(address))
        self.listener.listen(64)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        self.lines: dict[int, socket.socket] = {}
        """Of each worker that runs, by process id."""

    def serve(self) -> None:
        """Until stdin closes."""
        try:
            while True:
                for key, _ in self.selector.select(WAITING):
                    if key.fileobj is self.listener:
                        self.accept()
                    elif key.fileobj is sys.stdin:
                        if not os.read(0, 4096):
                            return
                    else:
                        self.look(key.data)
                self.reap()
        finally:
            for pid in self.lines:
                end(pid)

    def accept(self) -> None:
        line, _ = self.listener.accept()
        try:
            asked, files = received(line)
        except (OSError, ValueError):
            line.close()
            return
        pid = os.fork()
        if pid == 0:
            self.become(asked, files, line)
        for number in files:
            os.close(number)
        self.lines[pid] = line
        self.selector.register(line, selectors.EVENT_READ, pid)

    def look(self, pid: int) -> None:
        """A stand-in says nothing more; that its line can be read means that it has gone."""
        line = self.lines[pid]
        with suppress(OSError):
            if line.recv(1):
                return
        end(pid)
        self.selector.unregister(line)

    def reap(self) -> None:
        while self.lines:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            line = self.lines.pop(pid)
            with suppress(KeyError, ValueError):
                self.selector.unregister(line)
            ended = {"code": os.waitstatus_to_exitcode(status), "cpu_seconds": usage.ru_utime + usage.ru_stime}
            with suppress(OSError):
                line.sendall(json.dumps(ended).encode() + b"\n")
            line.close()

    def become(self, asked: dict[str, Any], files: list[int], line: socket.socket) -> NoReturn:
        """The forked side: take the asker's files, environment, folder and words, and run its module."""
        code = 1
        try:
            os.setsid()
            self.selector.close()
            for other in (self.listener, line, *self.lines.values()):
                other.close()
            place(files, asked["files"])
            os.environ.clear()
            os.environ.update(asked["env"])
            os.chdir(asked["cwd"])
            work(asked["words"])
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
        except BaseException:
            traceback.print_exc()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def received(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request and the files that came with it."""
    line.settimeout(5)
    head, files, _, _ = socket.recv_fds(line, 4, 253)
    size, body = int.from_bytes(head, "big"), b""
    while len(body) < size:
        part = line.recv(size - len(body))
        if not part:
            raise ValueError("cut short")
        body += part
    line.settimeout(None)
    asked: dict[str, Any] = json.loads(body)
    return asked, files


def place(files: list[int], numbers: list[int]) -> None:
    """Give the files the numbers that they have in the process that sent them."""
    above = max([*numbers, *files, 2]) + 1
    spare = [os.dup2(number, above + at, inheritable=False) for at, number in enumerate(files)]
    for number in files:
        os.close(number)
    for number, wanted in zip(spare, numbers, strict=True):
        os.dup2(number, wanted)
        os.close(number)


def work(words: list[str]) -> None:
    """Run the module as `python -m` would, with the threads that its environment asks for."""
    for entry in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if entry and entry not in sys.path:
            sys.path.insert(0, entry)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    sys.argv = words
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=bool(os.environ.get("PYTHONUNBUFFERED")))  # type: ignore[union-attr]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def end(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def serve(address: Path, modules: list[str]) -> None:
    """Load the modules, then listen. A library that started a thread cannot be forked safely: then nobody listens."""
    try:
        for module in modules:
            import_module(module)
        tasks = len(os.listdir("/proc/self/task"))
        if tasks > 1:
            sys.exit(f"{', '.join(modules)} start {tasks - 1} threads; a process with threads is not forked")
        gc.collect()
        gc.freeze()
        server = Server(address)
    finally:
        loading(address).unlink(missing_ok=True)
    server.serve()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
