"""A process that has loaded the heavy libraries once, and forks every worker from that state.

A training process spends about six CPU seconds on imports, a fork of this one none. `with warm(MODULES)` starts the server, `through`
turns a worker's command into one that asks it: `python .../forks.py MODULE WORD ...` stands for the worker, with the same files and the
same exit code, and the worker ends when its stand-in does. The server ends, with all workers, when the process that started it does.
Never for a GPU, whose driver does not outlive a fork. Nothing is imported here but the standard library.
"""

import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

ADDRESS = "O1EXP_FORKS"
"""The environment variable with the address (a socket's path) of a server; empty or absent: there is none."""
CPU_SECONDS = "O1EXP_CPU_SECONDS"
"""The environment variable with a file that gets the worker's CPU seconds, which its stand-in has not used itself."""
PREFIX, OWNER = "o1exp-forks-", "owner"
"""Temporary folders of servers, and the file in each that the process that made it keeps locked."""
LOADING_SECONDS = 120.0
"""A worker waits so long at most for a server that is still loading."""


@contextmanager
def warm(modules: Sequence[str], env: dict[str, str]) -> Iterator[None]:
    """A server that has imported `modules`, for the workers that this process and its children start while this is open.

    It loads in the background. Where one is there already, or this system has no fork, nothing happens.
    """
    if not modules or os.environ.get(ADDRESS) or sys.platform != "linux":
        yield
        return
    with own_folder() as folder:
        address = folder / "server"
        loading(address).touch()
        server = subprocess.Popen(
            [sys.executable, "-m", "o1exp.flow.forkserver", str(address), *modules], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env=env, start_new_session=True,
        )  # fmt: skip
        os.environ[ADDRESS] = str(address)
        try:
            yield
        finally:
            del os.environ[ADDRESS]
            assert server.stdin is not None
            server.stdin.close()
            if loading(address).exists():  # nobody has asked yet
                server.kill()
            server.wait()


@contextmanager
def own_folder() -> Iterator[Path]:
    """A temporary folder for as long as this process lives; those of processes that were killed are removed first."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / OWNER).open(encoding="utf-8") as owner:  # somebody else's, or one that is being made
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made:
        folder = Path(made)
        with (folder / "owner.part").open("w", encoding="utf-8") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            (folder / "owner.part").rename(folder / OWNER)  # nobody finds it before it is held
            yield folder


def loading(address: Path) -> Path:
    """A file that is there while the server loads."""
    return address.with_suffix(".loading")


def through(command: list[str]) -> list[str]:
    """`python -m MODULE WORD ...` as a command that has the server fork it; unchanged where there is no server."""
    if not os.environ.get(ADDRESS) or command[:2] != [sys.executable, "-m"]:
        return command
    return [sys.executable, "-S", "-E", __file__, *command[2:]]


def run(words: list[str]) -> NoReturn:
    """Stand for a worker. Where there is no server, become the worker."""
    line, address, late = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), Path(os.environ[ADDRESS]), time.monotonic() + LOADING_SECONDS
    while loading(address).exists() and time.monotonic() < late:
        time.sleep(0.05)
    try:
        line.connect(str(address))
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", *words])
    files = open_files()
    message = json.dumps({"words": words, "env": dict(os.environ), "cwd": os.getcwd(), "files": files}).encode()
    socket.send_fds(line, [len(message).to_bytes(4, "big")], files)
    line.sendall(message)
    answer = b""
    while not answer.endswith(b"\n") and (part := line.recv(4096)):
        answer += part
    if not answer.endswith(b"\n"):
        print("the fork server has gone, and the worker with it", file=sys.stderr)
        os._exit(1)
    ended = json.loads(answer)
    if place := os.environ.get(CPU_SECONDS):
        with open(place, "a", encoding="utf-8") as log:
            log.write(f"{ended['cpu_seconds']}\n")
    sys.stderr.flush()
    if ended["code"] < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-ended["code"], signal.SIG_DFL)
        os.kill(os.getpid(), -ended["code"])
    os._exit(ended["code"])


def open_files() -> list[int]:
    """The numbers of all files that are open here and meant for the worker: the streams and what was passed on purpose."""
    found = []
    for number in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):
            if os.get_inheritable(number) or number < 3:
                found.append(number)
    return sorted(found)[:250]


if __name__ == "__main__":
    run(sys.argv[1:])
