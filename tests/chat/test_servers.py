"""Servers that a run starts for a checkpoint: begun when something is asked, looked after, ended with the run."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from o1exp.chat.servers import pool, replica, serve
from o1exp.chat.servers.sglang import SglangTeacher
from o1exp.chat.servers.vllm import VllmTeacher
from o1exp.flow import Checkpoint, Console, Machine, SettingsError, Stage, StageFailed, Stopped, Store, Work
from o1exp.flow.gpus import Gpu
from o1exp.flow.lease import GpuQueue
from o1exp.records import Problem, Table
from tests.chat.parts import Ask, quiet_store, rows
from tests.chat.standin import Plan, Standin
from tests.waiting import LONG, alive, until

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "{% for m in messages %}<u>{{ m.content }}{% endfor %}"


@dataclass(frozen=True, kw_only=True)
class Bytes(Stage[Checkpoint]):
    """A model folder without weights, whose tokens are bytes; `content` makes it another one under the same key."""

    size: int = 1
    content: str = ""

    def what(self) -> dict[str, Any]:
        return {"size": self.size}

    def make(self, work: Work) -> None:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        marks = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer = Tokenizer(models.BPE(vocab={mark: place for place, mark in enumerate(marks)}, merges=[]))
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        folder = work.folder / "model"
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE}))
        (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", "content": self.content}))


@dataclass(frozen=True, kw_only=True)
class Idle(Stage[Table[Problem]]):
    """Gives the tests a Work to serve from."""

    teacher: VllmTeacher

    def make(self, work: Work) -> None:
        raise AssertionError


def teacher(standin: Standin, **fields: Any) -> VllmTeacher:
    return VllmTeacher(executable=str(standin.program), **{"weights": Bytes(), "concurrency": 4, "max_tokens": 99, **fields})


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Standin]:
    """A stand-in that behaves as told."""
    return lambda **plan: Standin(tmp_path / "program", Plan(**plan))


def test_a_server_answers_when_something_is_asked_and_ends_with_the_stage(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin(loading=3, helper=True)
    store, said = quiet_store(tmp_path / "out")
    found = list(store.get(Ask(teacher=teacher(standin))))
    assert [one.response.partition(":")[0] for one in found] == [f"answer to question {n}" for n in range(8)]
    assert set(standin.answered.values()) == {1}
    (start,) = standin.starts
    until(lambda: not alive(start["pid"]) and not alive(start["helper"]))
    name = f"Bytes-{Bytes().key}"
    given = dict(zip(start["start"], start["start"][1:], strict=False))
    assert given["serve"] == str(store.folder(Bytes()) / "model")
    assert (given["--served-model-name"], given["--host"], given["--tensor-parallel-size"]) == (name, "127.0.0.1", "1")
    (log,) = (tmp_path / "out" / "servers").glob("Ask-*.log")
    assert "the stand-in reads its weights" in log.read_text()
    assert f"vLLM starts and serves {name} (log: {log})" in said.getvalue()
    manifest = store.manifest(Ask(teacher=teacher(standin)))
    assert manifest is not None
    assert manifest.facts["server_tokens"] == manifest.facts["counted_tokens"] == manifest.facts["completion_tokens"]
    assert manifest.inputs == {"teacher.weights": f"Bytes/{Bytes().key}"}

    again, _ = quiet_store(tmp_path / "out")
    again.get(Ask(teacher=teacher(standin), first=0, count=7))
    assert len(standin.starts) == 1, "what is known already needs no server"


def test_the_key_holds_the_weights_and_not_who_serves_them(begin: Callable[..., Standin]) -> None:
    plain = VllmTeacher(weights=Bytes())
    other = SglangTeacher(weights=Bytes(), executable="x", tensor_parallel=2, replicas=3, arguments=("--log-level", "error"))
    assert plain.what() == other.what()
    assert plain.what() != VllmTeacher(weights=Bytes(size=2)).what()
    assert plain.what() != VllmTeacher(weights=Bytes(), answer_arguments=("--quantization", "fp8")).what()
    assert plain.model == f"Bytes-{Bytes().key}"


def test_weights_that_came_out_otherwise_are_asked_anew(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin()
    for content, answers in (("one", 2), ("one", 2), ("other", 4)):
        root = tmp_path / content
        root.mkdir(exist_ok=True)
        (root / "requests.sqlite").unlink(missing_ok=True)
        (root / "requests.sqlite").symlink_to(tmp_path / "requests.sqlite")
        quiet_store(root)[0].get(Ask(teacher=teacher(standin, weights=Bytes(content=content)), count=2))
        assert len(standin.rows("answered")) == answers


def test_answers_are_the_same_from_both_programs_and_replayed_by_any(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin()
    store, _ = quiet_store(tmp_path)
    found = list(store.get(Ask(teacher=teacher(standin))))
    replayed = SglangTeacher(weights=Bytes(), executable="true", max_tokens=99)
    assert list(store.get(Ask(teacher=replayed, count=4))) == found[:4]
    sglang = SglangTeacher(weights=Bytes(), executable=str(standin.program), max_tokens=99, tensor_parallel=2)
    assert len(list(store.get(Ask(teacher=sglang, count=9)))) == 9
    assert len(standin.starts) == 2
    given = standin.starts[1]["start"]
    assert given[given.index("--tp-size") + 1] == "2"
    assert given[given.index("--model-path") + 1].endswith("/model")


def test_a_port_that_was_taken_is_no_end(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin(port_taken=2)
    store, said = quiet_store(tmp_path)
    store.get(Ask(teacher=teacher(standin), count=1))
    assert len({words[words.index("--port") + 1] for words in (one["start"] for one in standin.starts)}) == 3
    assert said.getvalue().count("was taken by another program; trying another one") == 2


def test_whoever_answers_on_the_port_must_serve_the_model(
    tmp_path: Path, begin: Callable[..., Standin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "PORTS", 2)
    standin = begin(model="somebody-else")
    with pytest.raises(StageFailed, match=r"vLLM found every one of 2 free ports taken"):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(standin), count=1))
    assert len(standin.starts) == 2
    assert not any(alive(one["pid"]) for one in standin.starts)


def test_want_of_memory_at_start_says_what_to_set_and_the_last_words(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin(crashes_at_start=1)
    expected = (
        r"vLLM ended with code 1 while it started: it ran out of memory: set arguments=\[--gpu-memory-utilization,0\.8\], a smaller context"
        r"[^\n]*\nits first error: torch\.OutOfMemoryError: CUDA out of memory\. Tried to allocate 20\.00 GiB\n"
        rf"\({standin.program} serve [^\n]*\)\n[\s\S]*RuntimeError: Engine core initialization failed[\s\S]*"
        rf"\(all of it: {tmp_path}/servers/Ask-\w+-0\.log\)"
    )
    with pytest.raises(StageFailed, match=expected):
        quiet_store(tmp_path)[0].get(Ask(teacher=teacher(standin), count=1))
    quiet_store(tmp_path)[0].get(Ask(teacher=teacher(standin), count=1))


def test_a_start_that_takes_too_long_names_the_setting(
    tmp_path: Path, begin: Callable[..., Standin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "TELL_SECONDS", 0.0)
    standin = begin(loading=10**9)
    store, said = quiet_store(tmp_path)
    with pytest.raises(StageFailed, match=r"vLLM was not ready after start_seconds=5: .* set a higher start_seconds"):
        store.get(Ask(teacher=teacher(standin, start_seconds=5), count=1))
    assert "its newest words: the stand-in reads its weights" in said.getvalue()
    assert not alive(standin.starts[0]["pid"])


def test_a_crash_while_it_answers_is_mended_once_and_nothing_is_lost(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin(crashes=1, crash_at=6, delay=0.02)
    store, said = quiet_store(tmp_path)
    found = list(store.get(Ask(teacher=teacher(standin), count=20)))
    assert len(found) == 20
    assert len(standin.starts) == 2
    assert len(standin.answered) == 20
    assert "ended with code 3; it is started again, and what it was asked is asked again" in said.getvalue()
    assert rows(tmp_path / "requests.sqlite", "SELECT count(*), sum(kind='lost') FROM ledger") == [(20, 0)]


def test_a_second_crash_ends_the_run_with_the_servers_last_words(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin(crashes=2, crash_at=3)
    store, _ = quiet_store(tmp_path)
    with pytest.raises(
        StageFailed, match=r"Ask \w+: vLLM ended with code 3 while it answered, and had been started again before: .*executable"
    ):
        store.get(Ask(teacher=teacher(standin), count=20))
    known = len(standin.answered)
    assert len(list(quiet_store(tmp_path)[0].get(Ask(teacher=teacher(standin), count=20)))) == 20
    assert len(standin.rows("answered")) <= 20 + known, "what was answered before is kept"


def test_want_of_memory_while_it_answers_says_what_to_set(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    words = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    begin(crashes=2, crash_at=2, crash_words=words)
    program = tmp_path / "program" / "standin"
    asking = VllmTeacher(executable=str(program), weights=Bytes(), concurrency=4, max_tokens=99)
    with pytest.raises(StageFailed, match=r"ended with code 3 .*it ran out of memory: set arguments=[\s\S]*Tried to allocate 2\.00 GiB"):
        quiet_store(tmp_path / "out")[0].get(Ask(teacher=asking, count=12))
    (log,) = (tmp_path / "out" / "servers").glob("Ask-*.log")
    assert log.read_text().count("reads its weights") == 2, "the log holds both lives"


@pytest.mark.parametrize("drops", [2, 3])
def test_a_connection_that_it_drops_is_handed_over_again_three_times(tmp_path: Path, begin: Callable[..., Standin], drops: int) -> None:
    standin = begin(drops=drops)
    store, _ = quiet_store(tmp_path)
    assert len(list(store.get(Ask(teacher=teacher(standin, concurrency=1), count=2)))) == 2
    assert len(standin.starts) == 1
    assert rows(tmp_path / "requests.sqlite", "SELECT count(*) FROM attempts") == [(int(drops == 3),)]


def test_a_server_that_says_it_is_not_well_is_started_again(
    tmp_path: Path, begin: Callable[..., Standin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LAST_MOMENTS", 0.1)
    standin = begin(sick_after=4)
    store, said = quiet_store(tmp_path)
    assert len(list(store.get(Ask(teacher=teacher(standin), count=12)))) == 12
    assert len(standin.starts) == 2
    assert "failed a request and says itself that it is not well" in said.getvalue()
    assert not alive(standin.starts[0]["pid"])


@pytest.mark.slow
def test_a_silent_server_is_started_again(tmp_path: Path, begin: Callable[..., Standin], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "PROBE_SECONDS", 1.0)
    monkeypatch.setattr(replica, "SILENT_SECONDS", 8.0)
    standin = begin(delay=0.1)
    store, said = quiet_store(tmp_path)

    def stop() -> None:
        until(lambda: len(standin.rows("answered")) > 2)
        os.kill(standin.starts[0]["pid"], signal.SIGSTOP)

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert len(list(store.get(Ask(teacher=teacher(standin), count=16)))) == 16
    stopping.join()
    assert "has not been well for" in said.getvalue()
    assert not alive(standin.starts[0]["pid"])


def test_usage_that_is_missing_is_counted_by_the_checkpoints_tokenizer(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    store, _ = quiet_store(tmp_path)
    stage = Ask(teacher=teacher(begin(usage=False)), count=2)
    found = list(store.get(stage))
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["completion_tokens"] == sum(len(one.response) + 1 for one in found)
    assert manifest.facts["prompt_tokens"] == sum(len(f"<u>question {n}") for n in range(2))
    assert (manifest.facts["estimated_usage"], manifest.facts["counted_replies"]) == (0, 2)


def test_servers_side_by_side_share_requests_and_have_gpus_of_their_own(
    tmp_path: Path, begin: Callable[..., Standin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_API_KEY", "sk-not-for-children")
    standin = begin(delay=0.05)
    gpus = tuple(Gpu(f"GPU-{n}", str(n), "A") for n in range(4))
    store = Store(tmp_path / "out", Console(), queue=GpuQueue(gpus, tmp_path / "gpus"))
    two = teacher(standin, replicas=2, tensor_parallel=2, machine=Machine(accelerator="gpu", devices=4))
    asking = Using(teacher=two, count=16)
    assert asking.gpus == 4
    assert len(list(store.get(asking))) == 16
    assert {row["pid"] for row in standin.rows("answered")} == {start["pid"] for start in standin.starts}
    assert {start["env"]["CUDA_VISIBLE_DEVICES"] for start in standin.starts} == {"0,1", "2,3"}
    assert {(start["env"]["PYTHONPATH"], start["env"]["SECRET_API_KEY"]) for start in standin.starts} == {(None, None)}
    with GpuQueue(gpus, tmp_path / "gpus").lease(4, "the next stage", pytest.fail):
        assert not any(alive(start["pid"]) for start in standin.starts)


@dataclass(frozen=True, kw_only=True)
class Using(Ask):
    """Takes the GPUs of its teacher, as the stages that ask do."""

    @property
    def gpus(self) -> int:
        return self.teacher.gpus


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Of a stage that asks nothing itself."""
    store, _ = quiet_store(tmp_path / "out")
    stage = Idle(teacher=VllmTeacher(weights=Bytes()))
    store.make([Bytes()])
    return Work(stage, tmp_path / "folder", tmp_path / "scratch", store)


def test_a_request_that_nobody_waits_for_is_let_go(work: Work, begin: Callable[..., Standin], monkeypatch: pytest.MonkeyPatch) -> None:
    pools = list[pool.Pool]()

    class Seen(pool.Pool):
        def __enter__(self) -> Self:
            pools.append(self)
            return super().__enter__()

    def under_way() -> int:
        one = pools[0].take()
        pools[0].back(one)
        return one.under_way

    monkeypatch.setattr(serve, "Pool", Seen)
    with teacher(begin(delay=900.0)).serving(work) as url:
        place = urlsplit(url)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
        with socket.create_connection((place.hostname, place.port)) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            until(lambda: under_way() == 1)
        until(lambda: under_way() == 0)


def test_what_comes_in_pieces_goes_on_in_pieces(work: Work, begin: Callable[..., Standin]) -> None:
    with teacher(begin()).serving(work) as url:
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
        request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=LONG) as reply:
            assert reply.headers["Content-Type"] == "text/event-stream"
            assert reply.read().endswith(b"data: [DONE]\n\n")


def _stop_after(true: Callable[[], bool], store: Store) -> None:
    until(true)
    store.stopping.set()


def test_a_stopped_run_ends_a_server_that_is_still_starting(tmp_path: Path, begin: Callable[..., Standin]) -> None:
    standin = begin(loading=10**9, helper=True)
    store, _ = quiet_store(tmp_path)
    stopping = threading.Thread(target=_stop_after, args=(lambda: bool(standin.starts), store))
    stopping.start()
    with pytest.raises(Stopped):
        store.get(Ask(teacher=teacher(standin), count=1))
    assert not alive(standin.starts[0]["pid"])
    assert not alive(standin.starts[0]["helper"])


RUN = """
import sys, time
from pathlib import Path
from tests.chat.test_servers import Idle, VllmTeacher, Bytes, quiet_store
from o1exp.flow import Work
root = Path(sys.argv[2])
store, stage = quiet_store(root)[0], Idle(teacher=VllmTeacher(weights=Bytes(), executable=sys.argv[1]))
store.make([Bytes()])
with stage.teacher.serving(Work(stage, root / "folder", root / "scratch", store)) as url:
    print(url, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_no_server_outlives_its_run(tmp_path: Path, begin: Callable[..., Standin], sign: signal.Signals) -> None:
    standin = begin(helper=True)
    command = [sys.executable, "-c", RUN, str(standin.program), str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith(b"http://127.0.0.1:")
        run.send_signal(sign)
    (start,) = standin.starts
    until(lambda: not alive(start["pid"]) and not alive(start["helper"]))


def test_what_cannot_be_is_said_before(tmp_path: Path) -> None:
    absent = VllmTeacher(weights=Bytes(), executable=str(tmp_path / "absent"))
    assert f"executable={tmp_path / 'absent'}: there is no such program; install vLLM into an environment of its own" in next(
        absent.obstacles()
    )
    assert list(VllmTeacher(weights=Bytes(), executable="absent", base_url="http://127.0.0.1:9/v1").obstacles()) == []
    many = VllmTeacher(weights=Bytes(), executable="true", tensor_parallel=4, machine=Machine(accelerator="gpu", devices=2))
    assert "take 4 GPUs, but machine.devices=2; set machine.devices=4" in next(many.obstacles())
    wrong = {
        "--port=9": "arguments: --port is set by the run; leave it out",
        "-tp": "arguments: -tp is set by the run; set tensor_parallel instead",
        "--quantization": "arguments: --quantization changes answers; write it into answer_arguments",
    }
    for argument, sentence in wrong.items():
        with pytest.raises(SettingsError, match=sentence):
            VllmTeacher(weights=Bytes(), arguments=(argument,))
    with pytest.raises(SettingsError, match=r"weights: Ask makes Table\[Example\]; connect a step that makes Checkpoint"):
        VllmTeacher(weights=Ask(teacher=VllmTeacher(weights=Bytes())))  # type: ignore[arg-type]
