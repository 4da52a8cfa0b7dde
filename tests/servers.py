"""Real servers for slow tests: an object store, PostgreSQL. Each lives as long as its context."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.waiting import LONG, until

AWS = {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "any-words", "AWS_DEFAULT_REGION": "us-east-1"}


PORTS = range(12_000, 20_000)
"""Below those that a system hands out by itself, so that a port stays free between our look and a server's start, and while it is away."""


def free_port() -> int:
    """A port of this machine that nobody listens on, and hardly any test beside this one is given."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def answers(address: str, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers at the address."""

    def answered() -> bool:
        assert server.poll() is None, f"the server at {address} has ended"
        with suppress(OSError), urllib.request.urlopen(address, timeout=30):
            return True
        return False

    until(answered)


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """moto's S3 with an empty bucket `team`; gives the environment that finds it."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    port = free_port()
    env = {**AWS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answers(f"http://127.0.0.1:{port}/moto-api/data.json", server)
        made = urllib.request.Request(f"http://127.0.0.1:{port}/team", method="PUT", headers={"Host": f"127.0.0.1:{port}"})
        urllib.request.urlopen(made, timeout=LONG).close()
        yield env
    finally:
        server.terminate()
        server.wait()


class Postgres:
    """A PostgreSQL server on a port of this machine, with a database `ledger` and the user `o1exp`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._user = {"user": _somebody(folder)} if os.geteuid() == 0 else {}  # it refuses to run as root
        self._data = folder / "data"
        self._do("initdb", "-D", str(self._data), "-U", "o1exp", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._do("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "o1exp", "ledger")

    def url(self, database: str = "ledger") -> str:
        return f"postgresql://127.0.0.1:{self.port}/{database}"

    def database(self, name: str) -> str:
        """The address of a new, empty database."""
        self._do("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "o1exp", name)
        return self.url(name)

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        self._do("pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """At once, as where the machine goes down."""
        self._do("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def _do(self, program: str, *words: str) -> None:
        found = _program(program)
        assert found is not None
        own = {"cwd": self.folder, "env": {**os.environ, "PGCTLTIMEOUT": f"{LONG:.0f}"}, **self._user}
        said = subprocess.run([found, *words], capture_output=True, check=False, **own)  # type: ignore[call-overload]
        assert said.returncode == 0, said.stderr.decode() + said.stdout.decode()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new server. Skips the test where PostgreSQL is not installed (apt-get install postgresql)."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="o1exp-pg-", dir="/tmp"))
    try:
        server = Postgres(folder)
        try:
            yield server
        finally:
            with suppress(AssertionError):  # a test has stopped it
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str | None:
    """Debian keeps most of them out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, places), None)


def _somebody(folder: Path) -> str:
    for name in ("postgres", "nobody"):
        with suppress(LookupError):
            shutil.chown(folder, name)
            return name
    pytest.skip("nobody but root here, whom PostgreSQL refuses")
