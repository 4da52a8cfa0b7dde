"""What a model writes while it is trained: its answers end, and are spelt, as a benchmark's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from o1exp.bench.engines import generate
from o1exp.bench.engines.spec import ROWS, GenerateSpec, parse_row
from o1exp.bench.sampling import Sampling
from o1exp.chat.local.prompt import Prompts
from o1exp.train.data.encode import CannotTrain
from o1exp.train.worker.evaluate import Evaluation, Prompt
from tests.bench.kinds import tiny
from tests.bench.test_marks import made
from tests.train.parts import a_spec


def written(model: Any, tokenizer: Any, prompt: tuple[int, ...], **settings: Any) -> str:
    """The sample of a training on this model."""
    spec = a_spec(start="some/model", strategy="single", **settings)
    evaluation = Evaluation(spec, [], 0, [Prompt(0, "plain", list(prompt))], tokenizer)
    (sample,) = evaluation.samples(model, torch.device("cpu"), together=False)
    return sample.text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose turn ends with a token that only its generation settings name, and whose thought ends with a special one."""
    found = made(tmp_path_factory.mktemp("model"), "ab</think>cd<|turn|>ef<|end|>", special=("</think>", "<|turn|>"))
    turn = AutoTokenizer.from_pretrained(found).convert_tokens_to_ids("<|turn|>")
    GenerationConfig(eos_token_id=[1, turn], repetition_penalty=5.0, suppress_tokens=[turn]).save_pretrained(found)
    return found


def test_samples_are_what_the_benchmark_would_get(folder: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).train()
    own = model.generation_config
    text = written(model, tokenizer, Prompts(tokenizer).of("?").ids, sample_tokens=30)
    spec = GenerateSpec(
        model=str(folder), revision="", ids=("a",), prompts=("?",), sampling=Sampling(max_tokens=30), device="cpu", threads=1,
        out=str(tmp_path),
    )  # fmt: skip
    generate.main(spec)
    assert text == parse_row((tmp_path / ROWS).read_text()).text == "ab</think>cd"
    assert model.training
    assert model.generation_config is own, "what is exported with the model stays"


def test_samples_keep_to_their_limit_and_to_the_window(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    prompt = Prompts(tokenizer).of("?").ids
    assert written(model, tokenizer, prompt, sample_tokens=2) == "ab"
    assert written(model, tokenizer, (*[9] * 509, *prompt), sample_tokens=2) == ""


@pytest.mark.parametrize("kind", ["gemma2", "mixtral", "mamba"])
def test_models_without_sdpa_are_sampled_and_left_as_they_were(folder: Path, kind: str) -> None:
    more = {"output_router_logits": True} if kind == "mixtral" else {}
    model, before = tiny(kind, **more), tiny(kind, **more).config.to_dict()
    attention = model.config._attn_implementation
    assert isinstance(written(model, AutoTokenizer.from_pretrained(folder), (5, 9, 3)), str)
    assert model.config.to_dict() == before
    assert model.config._attn_implementation == attention


def test_weights_without_numbers_end_the_training_by_name(folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight[7, 3] = float("nan")
    with pytest.raises(CannotTrain, match=r"^some/model, as far as it is trained: its weights give logits that are no numbers"):
        written(model, AutoTokenizer.from_pretrained(folder), (5, 9, 3))
