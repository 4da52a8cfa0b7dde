"""Sampling from the benchmark's own model behind a server that the run starts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.engines.served import ServedModel, SglangEngine, VllmEngine
from o1exp.bench.sample import Sample
from o1exp.flow import Checkpoint, Expect, Machine, SettingsError
from o1exp.records import Attempt
from tests.bench.tiny import Sums
from tests.chat.parts import quiet_store
from tests.chat.standin import Plan, Standin
from tests.chat.test_servers import Bytes


def stage(engine: ServedModel, **fields: Any) -> Sample:
    return Sample(model=Bytes(), problems=Sums(count=3), engine=engine, **{"samples": 2, "temperature": 0.7, "max_tokens": 64, **fields})


def attempts(root: Path, made: Sample) -> list[Attempt]:
    return list(quiet_store(root)[0].get(made))


def test_the_model_of_the_graph_answers_and_its_own_tokenizer_counts(tmp_path: Path) -> None:
    standin = Standin(tmp_path / "program", Plan(usage=False))
    engine = VllmEngine(executable=str(standin.program))
    found = attempts(tmp_path / "out", stage(engine))
    assert [(one.problem, one.draw) for one in found] == [(f"sum-{n}", draw) for n in range(3) for draw in (0, 1)]
    assert {one.tokens - len(one.text) for one in found} == {1}, "a byte is a token here, and the end is one more"
    assert all(one.marks == (16,) for one in found), "budgets can be read off, as with the engine of our own"
    store, _ = quiet_store(tmp_path / "out")
    manifest = store.manifest(stage(engine))
    assert manifest is not None
    assert (manifest.facts["counted_by"], manifest.facts["estimated_usage"]) == ("the model's tokenizer", 0)
    (start,) = standin.starts
    assert start["start"][:2] == ["serve", str(store.folder(Bytes()) / "model")]
    assert start["env"]["CUDA_VISIBLE_DEVICES"] == "", "on machine=cpu it takes no GPU from those who have leased one"

    more = attempts(tmp_path / "out", stage(replace(engine, executable="true"), seed=0, samples=1))
    assert more == [one for one in found if one.draw == 0], "replayed without the server"


def test_the_key_holds_the_model_and_the_sampling_alone() -> None:
    one = stage(VllmEngine())
    same = SglangEngine(executable="x", replicas=2, tensor_parallel=2, arguments=("--log-level", "error"), context=128)
    assert one.replace(engine=same).key == one.key
    assert one.replace(model=Bytes(size=2)).key != one.key
    assert one.replace(engine=VllmEngine(answer_arguments=("--dtype", "float32"))).key != one.key


def test_the_gpus_of_all_servers_are_those_of_the_stage() -> None:
    engine = VllmEngine(replicas=2, tensor_parallel=2)
    assert stage(engine).gpus == 0
    assert stage(engine, machine=Machine(accelerator="gpu", devices=8)).gpus == 4
    few = Machine(accelerator="gpu", devices=2, gpu_hour_usd=3.0)
    expected = engine.expect(stage(engine).sampling, 1e6, Expect(), few)
    assert expected.gpu_usd == pytest.approx(3 * 4 * expected.hours)
    assert expected.obstacles == (
        "replicas=2 with tensor_parallel=2 and data_parallel=1 take 4 GPUs, but machine.devices=2; set machine.devices=4, "
        "or fewer of the others",
    )


def test_what_cannot_be_is_said_before(tmp_path: Path) -> None:
    assert "executable=absent: there is no such program; install SGLang" in next(SglangEngine(executable="absent").obstacles())
    with pytest.raises(SettingsError, match=r"model=checkpoint: is what the server at base_url=http://127.0.0.1:9/v1 calls the model"):
        VllmEngine(base_url="http://127.0.0.1:9/v1")
    assert list(VllmEngine(base_url="http://127.0.0.1:9/v1", model="m", executable="absent").obstacles()) == []
    with pytest.raises(SettingsError, match="max_thinking_tokens=8: budget forcing needs the embedded engine"):
        stage(VllmEngine(), max_thinking_tokens=8)
    with pytest.raises(SettingsError, match="needs a model; connect a step that makes a Checkpoint"):
        Sample(model=None, problems=Sums(), engine=VllmEngine())


def test_a_pinned_hub_model_is_served_at_its_revision() -> None:
    from o1exp.chat.servers.server import Served

    what = Served(checkpoint=Checkpoint("a/b", "c0ffee"), name="n")
    assert VllmEngine().command(what, 1)[:6] == ["serve", "a/b", "--revision", "c0ffee", "--tokenizer-revision", "c0ffee"]
    assert SglangEngine(context=9).command(what, 1)[:5] == ["serve", "--model-path", "a/b", "--revision", "c0ffee"]
    assert SglangEngine(context=9).command(what, 1)[-4:] == ["--context-length", "9", "--sampling-defaults", "openai"]
