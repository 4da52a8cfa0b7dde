"""One architecture: trained beside a plain loop of transformers' own forward pass, and sampled beside `generate()`."""

import dataclasses
import json
import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from o1exp.bench.engines.decode import Way
from o1exp.chat.local.rows import CannotSample
from o1exp.flow.process import PROGRESS
from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.spec import TrainSpec
from tests.train.parts import a_spec, document_loss, encoded
from tests.zoo.models import END, SPECIAL, architectures, save_model
from tests.zoo.plain import plain_curve

LENGTHS = (29, 18)
STEPS = 3
PROMPTS = ((40, 11, 87, 23, 150, 64, 33, 90, 12, 77, 41, 118, 35), (19, 160, 52))
WRITTEN = 12
LOSSES = {False: (2e-5, 1e-3), True: (0.01, 0.03)}
NORMS = {False: (1e-3, 1e-2), True: (0.2, 0.5)}
"""How far they may lie from those in fp32, as a share, at the first step and later, in fp32 and (True) in bf16; AdamW takes the sign of
what is hardly more than rounding, so that later steps differ more."""
LAYOUTS = {"packed": "packed", "rows": "rows of one length", "alone": "one document at a time"}
WAYS = {Way.PADDED.value: "padded", Way.ALIKE.value: "equal lengths", Way.ALONE.value: "one by one"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was seen of a model type; "" where it was not built."""

    name: str
    kind: str
    built: str = ""
    """Why it could not be built."""
    trains: str = ""
    samples: str = ""
    faults: tuple[str, ...] = ()
    """What is neither right nor refused in a sentence."""


class Wrong(Exception):
    """Not what transformers gives."""


def examine(name: str, folder: Path) -> Row:
    row = Row(name=name, kind=architectures()[name])
    start = folder / "start"
    try:
        save_model(name, start)
        answers(start)
    except Exception as problem:
        return Row(**{**asdict(row), "built": said(problem)})
    trains, fault = seen(lambda: trained(start, folder / "training"))
    samples, other = seen(lambda: sampled(start, folder))
    faults = [f"training: {fault}"] * bool(fault) + [f"sampling: {other}"] * bool(other)
    return Row(**{**asdict(row), "trains": trains, "samples": samples, "faults": tuple(faults)})


def with_changes(name: str, folder: Path, changes: dict[str, Any]) -> Row:
    """A training alone, with other settings."""
    save_model(name, folder / "start")
    trains, fault = seen(lambda: trained(folder / "start", folder / "training", **changes))
    return Row(name=name, kind=architectures()[name], trains=trains, faults=(fault,) * bool(fault))


def answers(start: Path) -> None:
    """transformers' own forward pass. Errors: whatever it raises."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(start)(torch.from_numpy(documents().document(0).astype("int64"))[None]).logits
    if not torch.isfinite(logits).all():
        raise Wrong("its own forward pass gives no numbers")


def seen(do: Callable[[], str]) -> tuple[str, str]:
    """What came of it, and the fault where it is one: all but a refusal before the first step."""
    try:
        return do(), ""
    except (CannotTrain, CannotSample) as problem:
        if "the exported model is not" not in str(problem):
            return f"refused: {said(problem)}", ""
        return "wrong", short(problem)
    except Exception as problem:  # architectures fail in all ways
        return "wrong", short(problem)


def said(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:300]


def short(problem: Exception) -> str:
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__}: {said(problem)} ({'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno})"


def documents(pairs: bool = False) -> Encoded:
    """Two documents, or a pair of a chosen and a rejected one; ids in the middle of the vocabulary, where no special token stands."""
    dice = np.random.default_rng(0)
    return encoded(dice.integers(10, 200, sum(LENGTHS)), np.concatenate([[0], np.cumsum(LENGTHS)]), np.array(LENGTHS) // 3, pairs=pairs)


def training_spec(start: Path, folder: Path, **changes: Any) -> TrainSpec:
    for name in ("data", "out", "scratch"):
        (folder / name).mkdir(parents=True)
    whole = a_spec(
        start=str(start), tokenizer=str(start), data=str(folder / "data"), out=str(folder / "out"), scratch=str(folder / "scratch"),
        lr=1e-3, epochs=float(STEPS), batch_tokens=sum(LENGTHS), pack_length=64, micro_batch_tokens=64, strategy="single",
        checkpoint_seconds=1e9,
    )  # fmt: skip
    spec = dataclasses.replace(whole, **changes)
    documents(spec.objective == "dpo").save(folder / "data")
    return spec


def trained(start: Path, folder: Path, **changes: Any) -> str:
    """How it trained. Errors: Wrong where losses, norms or the exported model are not those of the plain loop, in fp32."""
    from transformers import AutoModelForCausalLM

    from o1exp.train.worker.lora import add_lora
    from o1exp.train.worker.rank import train

    spec = training_spec(start, folder, **changes)
    train(spec, 0)
    curve = [json.loads(line) for line in (Path(spec.out) / "curve.jsonl").read_text().splitlines()]
    data, plain = Encoded.load(Path(spec.data)), AutoModelForCausalLM.from_pretrained(start)
    if spec.tuning == "lora":
        add_lora(plain, spec, partitioned=False)
    expected = plain_curve(spec, data, plain)
    if len(curve) != len(expected):
        raise Wrong(f"{len(curve)} steps instead of {len(expected)}")
    half = spec.precision == "bf16"
    for step, (ours, theirs) in enumerate(zip(curve, expected, strict=True)):
        close(f"loss of step {step + 1}", ours["loss"], theirs["loss"], LOSSES[half][min(step, 1)])
        close(f"gradient norm of step {step + 1}", ours["grad_norm"], theirs["grad_norm"], NORMS[half][min(step, 1)])
    exported = AutoModelForCausalLM.from_pretrained(Path(spec.out) / "model", dtype="float32")
    for document in range(len(data)):
        close("loss of the exported model", loss_of(exported, data, document), loss_of(plain, data, document), 0.03 if half else 1e-3)
    facts = json.loads((Path(spec.scratch) / "result.json").read_text())
    return LAYOUTS[facts["packing"]] + (", logits whole" if facts["logits"] == "whole" else "")


def loss_of(model: Any, data: Encoded, document: int) -> float:
    import torch

    with torch.no_grad():
        return float(document_loss(model, data, document))


def close(what: str, ours: float, theirs: float, most: float) -> None:
    if not abs(ours - theirs) <= most * abs(theirs):
        raise Wrong(f"{what} {ours:.6f} instead of {theirs:.6f}")


def sampled(start: Path, folder: Path) -> str:
    """How it sampled. Errors: Wrong where a token differs from those of `generate()`."""
    import torch
    from transformers import AutoModelForCausalLM

    from o1exp.bench.engines import generate
    from o1exp.bench.engines.spec import ROWS, GenerateSpec, parse_row
    from o1exp.bench.sampling import Sampling

    out = folder / "answers"
    out.mkdir()
    prompts = tuple(map(spelt, PROMPTS))
    spec = GenerateSpec(
        model=str(start), revision="", ids=("a", "b"), prompts=prompts, sampling=Sampling(max_tokens=WRITTEN), device="cpu", threads=1,
        out=str(out),
    )  # fmt: skip
    os.environ[PROGRESS] = str(folder / "progress.jsonl")
    generate.main(spec)
    rows = [parse_row(line) for line in (out / ROWS).read_text().splitlines()]
    plain = AutoModelForCausalLM.from_pretrained(start).eval()
    for prompt, row in zip(PROMPTS, rows, strict=True):
        ids = torch.tensor([prompt])
        how = {"do_sample": False, "max_new_tokens": WRITTEN, "eos_token_id": END, "pad_token_id": 2}
        whole = plain.generate(ids, attention_mask=torch.ones_like(ids), **how)
        expected = [token for token in whole[0, len(prompt) :].tolist() if token not in SPECIAL]
        if row.text.split() != spelt(expected).split():
            raise Wrong(f"wrote {row.text} instead of {spelt(expected)}")
    told = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    return WAYS[next(row["facts"]["decoded"] for row in told if "decoded" in row.get("facts", {}))]


def spelt(ids: Sequence[int]) -> str:
    return " ".join(f"w{number}" for number in ids)
