"""Training in a process of its own: right by a plain loop, loadable, and the same after a kill."""

import json
from pathlib import Path

import pytest

from o1exp.flow import Machine, SettingsError, StageFailed, Store
from o1exp.train.data.encode import CannotTrain, ChatEncoder, encode
from o1exp.train.spec import TrainSpec
from o1exp.train.worker.rank import check_devices
from tests.train.killing import checkpoint, half_written_checkpoint, killed_run, last_row_written, leave, with_inputs
from tests.train.parts import SMALL, a_spec, curve_of, loaded, manifest_of, on_ranks, plain_training, sums
from tests.train.watched import watch


def the_spec(start: str) -> TrainSpec:
    names = ("lr", "lr_scheduler_type", "warmup_ratio", "weight_decay", "epochs", "batch_tokens", "pack_length", "max_grad_norm", "seed")
    return a_spec(start=start, **{name: getattr(SMALL, name) for name in names})


def test_training_equals_a_plain_loop(trained: Store) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    start = trained.get(SMALL.start).source
    model, tokenizer = AutoModelForCausalLM.from_pretrained(start), AutoTokenizer.from_pretrained(start)
    data = encode(sums(60), ChatEncoder(tokenizer), 512, "drop")
    plain, curve = plain_training(the_spec(start), data, model), curve_of(trained, SMALL)
    assert len(plain) == len(curve) > 8
    assert [row["loss"] for row in curve] == pytest.approx([row["loss"] for row in plain], rel=1e-5)
    assert [row["grad_norm"] for row in curve] == pytest.approx([row["grad_norm"] for row in plain], rel=1e-4)
    assert max(row["grad_norm"] for row in plain) > SMALL.max_grad_norm  # so clipping was at work
    exported = AutoModelForCausalLM.from_pretrained(trained.get(SMALL).source)
    for name, weights in model.state_dict().items():
        assert float((exported.state_dict()[name] - weights).abs().max()) < 1e-4, name


def test_artefact_is_a_plain_model_folder_and_a_curve(trained: Store) -> None:
    from transformers import AutoTokenizer, GenerationConfig

    folder, manifest = Path(trained.get(SMALL).source), manifest_of(trained, SMALL)
    assert {path.name for path in folder.parent.iterdir()} == {"model", "curve.jsonl", "timing.jsonl", "manifest.json"}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"} <= {
        p.name for p in folder.iterdir()
    }
    start = trained.get(SMALL.start).source
    before, after = AutoTokenizer.from_pretrained(start), AutoTokenizer.from_pretrained(folder)
    chat = [{"role": "user", "content": "12 + 34 = ?"}, {"role": "assistant", "content": "46"}]
    assert before.apply_chat_template(chat)["input_ids"] == after.apply_chat_template(chat)["input_ids"]
    assert (
        GenerationConfig.from_pretrained(folder).eos_token_id == GenerationConfig.from_pretrained(start).eos_token_id == after.eos_token_id
    )
    curve, facts = curve_of(trained, SMALL), manifest.facts
    assert [list(row) for row in curve] == [["step", "tokens", "loss", "accuracy", "lr", "grad_norm"]] * facts["steps"]
    assert curve[-1]["tokens"] == facts["tokens"] > facts["label_tokens"] > 0
    assert (facts["rows"], facts["examples"], facts["dropped"], facts["epochs_done"]) == (60, 60, 0, 5.5)
    assert facts["final_loss"] == curve[-1]["loss"] < curve[0]["loss"] - 0.5
    assert facts["parameters"] > 20_000
    assert facts["seconds_training"] > 0
    assert str(trained.root) not in "".join(path.read_text() for path in folder.glob("*.json"))


def test_a_killed_training_goes_on_to_the_same_bytes(trained: Store, tmp_path: Path) -> None:
    with_inputs(tmp_path, trained)
    scratch = killed_run(tmp_path, SMALL, checkpoint(1))
    mark = max(int(path.parent.name) for path in scratch.glob("steps/*/done.json"))
    leave(scratch)
    again = Store(tmp_path)
    again.make([SMALL])
    assert manifest_of(again, SMALL).digest == manifest_of(trained, SMALL).digest
    assert 1 <= mark == manifest_of(again, SMALL).facts["resumed_at"] < manifest_of(again, SMALL).facts["steps"]
    assert manifest_of(trained, SMALL).facts["resumed_at"] == 0
    assert not scratch.exists()


def test_refusals_reach_the_user_in_one_sentence(trained: Store, tmp_path: Path) -> None:
    tight = SMALL.replace(max_length=20)
    with pytest.raises(StageFailed) as refused:
        Store(trained.root).make([tight])
    assert "no example is left to train on: 60 were longer than max_length=20" in str(refused.value)
    with pytest.raises(CannotTrain, match=r"machine.devices=64, but torch .* sees \d GPUs here"):
        check_devices(a_spec(accelerator="gpu", devices=64))
    with pytest.raises(StageFailed, match="launcher=local starts ranks on this machine only"):
        Store(trained.root).make([SMALL.replace(seed=9, machine=Machine(nodes=2))])


def test_settings_and_plan() -> None:
    with pytest.raises(SettingsError, match="longer than pack_length=512"):
        SMALL.replace(max_length=513)
    with pytest.raises(SettingsError, match="512 is more than batch_tokens=500"):
        SMALL.replace(batch_tokens=500)
    with pytest.raises(SettingsError, match="lr"):
        SMALL.replace(lr=0)
    with pytest.raises(SettingsError, match=r"connect a step that makes Table\[Example\]"):
        SMALL.replace(data=SMALL.start)
    assert SMALL.replace(machine=Machine(devices=2, zero_stage=3), checkpoint_seconds=1.0).key == SMALL.key
    assert SMALL.replace(max_tokens=1000).expect({}).remark == "trains on 1,000 tokens"


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "micro_batch_tokens"), [(1, 8192), (2, 512), (2, 1024)])
def test_ranks_zero_stages_and_accumulation_agree(trained: Store, tmp_path: Path, ranks: int, micro_batch_tokens: int) -> None:
    """All four stages in one start."""
    import torch

    machines = [Machine(devices=ranks, zero_stage=zero_stage, micro_batch_tokens=micro_batch_tokens) for zero_stage in range(4)]
    ids = torch.arange(30)[None]
    theirs = loaded(trained.get(SMALL).source)(ids).logits
    for seen in watch(with_inputs(tmp_path / "store", trained), tmp_path / "watched", [SMALL.replace(machine=one) for one in machines]):
        found = [json.loads(row) for row in (Path(seen["spec"].scratch) / "curve.jsonl").read_text().splitlines()]
        for name in ("loss", "grad_norm"):
            assert [row[name] for row in found] == pytest.approx([row[name] for row in curve_of(trained, SMALL)], rel=2e-5)
        assert torch.allclose(loaded(Path(seen["spec"].out) / "model")(ids).logits, theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("ranks", "zero_stage"),
    [
        pytest.param(1, 0, marks=pytest.mark.long), pytest.param(2, 1, marks=pytest.mark.long),
        pytest.param(2, 2, marks=pytest.mark.long), pytest.param(2, 3, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_killed_again_and_again(trained: Store, tmp_path: Path, ranks: int, zero_stage: int) -> None:
    stage = on_ranks(ranks, zero_stage, epochs=20)
    calm, disturbed = with_inputs(tmp_path / "calm", trained), with_inputs(tmp_path / "disturbed", trained)
    calm.make([stage])
    steps = manifest_of(calm, stage).facts["steps"]
    killed_run(disturbed.root, stage, half_written_checkpoint)
    killed_run(disturbed.root, stage, checkpoint(2))
    killed_run(disturbed.root, stage, lambda scratch: last_row_written(scratch, steps))
    disturbed.make([stage])
    assert manifest_of(disturbed, stage).digest == manifest_of(calm, stage).digest
    assert 3 <= manifest_of(disturbed, stage).facts["resumed_at"] < steps


@pytest.mark.slow
def test_bf16_trains_and_exports_bf16(trained: Store, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    stage = SMALL.replace(precision="bf16")
    model = AutoModelForCausalLM.from_pretrained(Store(trained.root).get(stage).source)
    assert model.dtype == torch.bfloat16
    curve = [row["loss"] for row in curve_of(trained, stage)]
    assert curve == pytest.approx([row["loss"] for row in curve_of(trained, SMALL)], rel=0.05)
    assert curve[-1] < curve[0] - 0.5


@pytest.mark.slow
def test_a_diverging_training_stops_with_its_rows(trained: Store) -> None:
    with pytest.raises(StageFailed, match=r"gradient norm .*lower lr=1e\+18, or look for broken rows of the data among \["):
        Store(trained.root).make([SMALL.replace(lr=1e18, max_grad_norm=0.0)])
