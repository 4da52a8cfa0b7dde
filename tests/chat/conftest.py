"""The same tests over both books: sqlite in the outputs folder, and PostgreSQL as a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Postgres, postgres

BOTH = {"tests.chat.test_budget", "tests.chat.test_processes", "tests.chat.test_claims"}
SQLITE_ALONE = {"test_a_cache_of_another_layout_is_left_alone"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.function.__name__
    if metafunc.module.__name__ in BOTH and "tmp_path" in metafunc.fixturenames and name not in SQLITE_ALONE:
        metafunc.fixturenames.append("book")
        metafunc.parametrize("book", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture(scope="session")
def database_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def book(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """For PostgreSQL, a new database that the test's folder and `outputs` in it name."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("database_server")
        request.getfixturevalue("monkeypatch").setenv("PGUSER", "o1exp")
        url = server.database(f"d{abs(hash(request.node.nodeid))}")
        for folder in (tmp_path, tmp_path / "outputs"):
            folder.mkdir(exist_ok=True)
            (folder / "ledger.json").write_text(json.dumps({"url": url}))
