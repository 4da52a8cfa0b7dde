"""Engines are asked and never told by their class: one from outside the package works as ours do; and sampling is written in one place."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from o1exp.bench.bench import Bench
from o1exp.bench.engines.embedded import generate_spec
from o1exp.bench.engines.engine import InferenceEngine, SamplingJob
from o1exp.bench.engines.remote import Remote
from o1exp.bench.engines.spec import GenerateSpec
from o1exp.bench.sample import Sample
from o1exp.bench.sampling import Sampling
from o1exp.chat.teacher import Budget
from o1exp.flow import Checkpoint, Expect, Machine, SettingsError, Work
from o1exp.records import Attempt, Problem
from tests.bench.tiny import Sums, Tiny
from tests.chat.parts import quiet_store


@dataclass(frozen=True, kw_only=True)
class Knowing(InferenceEngine):
    """Knows the answers, but only one to each problem; `manner` stands before it."""

    needs_model: ClassVar[bool] = False
    manner: str = "of course"
    open_at: str = ""

    def cannot(self, sampling: Sampling) -> Iterator[tuple[str, str]]:
        if sampling.samples > 1:
            yield "samples", "it knows one answer to each problem; set it to 1"

    def obstacles(self) -> Iterator[str]:
        if self.open_at:
            yield f"it opens at {self.open_at}"

    def expect(self, sampling: Sampling, answers: float | None, model: Expect, machine: Machine) -> Expect:
        return Expect(rows=answers, hours=(answers or 0) / 60)

    def attempts(self, job: SamplingJob, work: Work) -> list[Attempt]:
        assert job.model is None
        pairs = zip(job.problems, job.prompts, strict=True)
        return [
            Attempt(problem=p.id, draw=0, text=f"{asked} {self.manner} {p.answer}", tokens=3, finish_reason="stop") for p, asked in pairs
        ]


def test_an_engine_from_outside_is_asked_like_ours(tmp_path: Path) -> None:
    stage = Sample(model=None, problems=Sums(count=2), engine=Knowing(), prompt="Q {question}")
    store, _ = quiet_store(tmp_path)
    assert [a.text for a in store.get(stage)] == ["Q 0+0=? of course 0", "Q 1+1=? of course 2"]
    assert stage.expect({"problems": Expect(rows=120)}).hours == 2
    assert stage.key != stage.replace(engine=Knowing(manner="well,")).key
    assert list(stage.preflight()) == []
    assert list(stage.replace(engine=Knowing(open_at="nine")).preflight()) == ["it opens at nine"]
    with pytest.raises(SettingsError, match="samples=2: it knows one answer to each problem; set it to 1"):
        stage.replace(samples=2, temperature=1.0)


def test_a_benchmark_makes_no_model_for_an_engine_that_needs_none() -> None:
    attempts = Bench(model=Tiny(), problems=Sums(), engine=Knowing()).stage().inputs["attempts"]
    assert set(attempts.inputs) == {"problems"}


def test_an_engine_that_needs_a_model_is_refused_without_one() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Knowing):
        needs_model: ClassVar[bool] = True

    with pytest.raises(SettingsError, match="model: the local engine needs a model; connect a step that makes a Checkpoint"):
        Sample(model=None, problems=Sums(), engine=Local())


def _another(field: "dataclasses.Field[Any]") -> Any:
    """A value that is not the field's default."""
    if field.name == "prompt":
        return "Q {question}"
    value = field.default
    return value + 1 if isinstance(value, int) else value / 2 + 0.25 if isinstance(value, float) else (*value, "x") if value == () else "x"


def test_every_sampling_setting_reaches_the_generating_process(tmp_path: Path) -> None:
    wanted = {field.name: _another(field) for field in dataclasses.fields(Sampling)}
    assert not [field.name for field in dataclasses.fields(Sampling) if field.default == wanted[field.name]]
    stage = Bench(model=Tiny(), problems=Sums(), **wanted).stage().inputs["attempts"]
    assert isinstance(stage, Sample)
    job = SamplingJob(
        problems=(Problem(id="a", question="1+1?", answer="2"),), sampling=stage.sampling, model=Checkpoint("x"), machine=Machine()
    )
    generate_spec(job, tmp_path).save(tmp_path / "spec.json")
    told = GenerateSpec.load(tmp_path / "spec.json")
    assert told.sampling == Sampling(**wanted)
    assert told.prompts == ("Q 1+1?",)


def test_every_setting_of_an_endpoint_reaches_the_one_who_asks() -> None:
    engine = Remote(
        model="m", base_url="http://127.0.0.1:1/v1", api_key_env="OTHER", concurrency=2, requests_per_minute=3, tokens_per_minute=4,
        usd_per_million_prompt=5, usd_per_million_completion=6, timeout=7, retries=8, token_limit="max_tokens", send_seed=False,
        expected_prompt_tokens=9, expected_completion_tokens=10, expected_tokens_per_second=11, first_concurrency=1, free=True, stream=True,
        idle_timeout=12, patience=13, max_failed=0.5, batch_size=14, batch_price=0.25, batch_poll=15, n=16,
    )  # fmt: skip
    engines = [dataclasses.replace(engine, batch=True), dataclasses.replace(engine, others=("http://127.0.0.1:2/v1",))]  # never both
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=11, system="s", seed=12, stop=("x",))
    of_engine, set_apart = {field.name for field in dataclasses.fields(engine)}, {"reasoning_effort", "extra"}
    for one in engines:
        teacher = one.teacher(sampling)
        for field in dataclasses.fields(teacher):
            if field.name in ("reasoning_effort", "extra"):  # of teachers alone
                continue
            given = getattr(teacher, field.name)
            assert given == getattr(one if field.name in of_engine else sampling, field.name)
            if given != field.default:
                set_apart.add(field.name)
    assert set_apart == {field.name for field in dataclasses.fields(teacher)}


def test_the_plan_of_an_endpoint_counts_what_its_settings_say() -> None:
    priced = {"usd_per_million_prompt": 1.0, "usd_per_million_completion": 2.0, "requests_per_minute": 30.0}
    engine = Remote(model="m", expected_prompt_tokens=100, expected_completion_tokens=400, budget=Budget(usd=1), **priced)  # type: ignore[arg-type]
    found = Sample(model=None, problems=Sums(), engine=engine, samples=2, temperature=1.0).expect({"problems": Expect(rows=50)})
    assert (found.rows, found.requests, found.tokens, found.tokens_per_row) == (100, 100, 50_000, 400)
    assert found.usd == pytest.approx((100 * 100 * 1 + 100 * 400 * 2) / 1e6)
    assert found.hours == pytest.approx(100 / 30 / 60)
    assert found.remark == "at most 2,048 tokens each"
