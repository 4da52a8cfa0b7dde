"""One rank of a training, started by `Sft` in a process of its own: python -m o1exp.train.worker.rank SPEC."""

import json
import os
import shutil
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn

from o1exp.flow.checkpoint import Checkpoint
from o1exp.flow.process import die_with_parent, leave
from o1exp.train.data.encode import CannotTrain
from o1exp.train.facts import TrainingFacts
from o1exp.train.prepare import load_tokenizer
from o1exp.train.spec import TrainSpec


def main(path: Path) -> NoReturn:
    die_with_parent()
    spec, rank = TrainSpec.load(path), int(os.environ.get("RANK", "0"))
    try:
        train(spec, rank)
    except Exception as problem:
        spec.report(str(problem) if isinstance(problem, CannotTrain) else traceback.format_exc(), refused=isinstance(problem, CannotTrain))
        raise
    leave()


def train(spec: TrainSpec, rank: int) -> None:
    """Fit and export; the artefact's files go to `spec.out`, the facts to `result.json` in scratch."""
    warnings.filterwarnings("ignore", module="lightning|deepspeed|torch")
    check_devices(spec)
    settle(spec)
    if spec.strategy == "deepspeed":
        from o1exp.train.worker.accelerator import import_deepspeed

        import_deepspeed()
    from o1exp.train.data.encode import Encoded
    from o1exp.train.data.schedule import Feed, held_out, plan, units_of
    from o1exp.train.worker.accelerator import found_where_read
    from o1exp.train.worker.evaluate import evaluation_of
    from o1exp.train.worker.export import export
    from o1exp.train.worker.module import Student
    from o1exp.train.worker.objective import objective_of
    from o1exp.train.worker.record import Recorder
    from o1exp.train.worker.reread import probe, unlike
    from o1exp.train.worker.resume import Checkpoints
    from o1exp.train.worker.strategy import make_trainer

    tokenizer = load_tokenizer(Checkpoint(spec.tokenizer, spec.tokenizer_revision), spec.eos_token, spec.chat_template)
    data = Encoded.load(Path(spec.data))
    learned, held = (units_of(spec, data, documents) for documents in held_out(data, spec.validation_fraction))
    if not len(learned.members):
        raise CannotTrain(
            f"nothing is left to train on: validation_fraction={spec.validation_fraction:g} holds out all {len(data)} examples; lower it"
        )
    todo = plan(spec, learned)
    feed = Feed(spec, learned, todo, rank)
    recorder = Recorder(Checkpoints(spec), feed, evaluation_of(spec, held, tokenizer, rank))
    student = Student(spec, data, todo, objective_of(spec, data, rank))
    trainer = make_trainer(spec, recorder)
    trainer.fit(student, feed)
    assert recorder.done == len(todo), f"the trainer stopped after step {recorder.done} of {len(todo)}"
    with found_where_read(student.model):
        seen = probe(student.model, data, student.device)
    weights, wrong = student.backend.weights(), ""
    if rank == 0:
        export(student.model, weights, tokenizer, Path(spec.out) / "model")
        wrong = unlike(student.model, Path(spec.out) / "model", seen, recorder.seconds)
    if wrong := trainer.strategy.broadcast(wrong):
        refuse_export(spec, student, wrong, rank)
    if rank == 0:
        keep(spec, feed, recorder, student)
    trainer.strategy.barrier()


def refuse_export(spec: TrainSpec, student: Any, wrong: str, rank: int) -> NoReturn:
    """End with what was trained kept in scratch: the weights as the backend saves them, and the export as it came out.

    Errors: CannotTrain, always; every rank calls it.
    """
    scratch = Path(spec.scratch)
    folder, refused = scratch / "trained", scratch / "refused-export"
    if rank == 0:
        for old in (folder, refused):
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir()
        shutil.move(Path(spec.out) / "model", refused)
    student.trainer.strategy.barrier()
    student.backend.save(folder)
    student.trainer.strategy.barrier()
    raise CannotTrain(
        f"the exported model is not the one that was trained: {wrong}; nothing is lost, the trained weights are kept in {folder}, "
        f"the export in {refused}; report it with the name of the architecture ({student.model.config.model_type})"
    )


def check_devices(spec: TrainSpec) -> None:
    """Errors: CannotTrain where the machine has fewer GPUs than asked for."""
    import torch

    found = torch.cuda.device_count()
    if spec.accelerator == "gpu" and found < spec.devices:
        raise CannotTrain(
            f"machine.devices={spec.devices}, but torch {torch.__version__} sees {found} GPUs here; set machine.devices, install torch's "
            "GPU build, or set machine=cpu"
        )


def settle(spec: TrainSpec) -> None:
    """What torch is told of a GPU before anything is computed there."""
    import torch
    import torch.utils.deterministic as fresh

    if spec.accelerator != "gpu":
        return
    if spec.deterministic:
        torch.use_deterministic_algorithms(True)
        fresh.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # all that is read here was written before
    if spec.offload_optimizer:
        torch.set_num_threads(max(torch.get_num_threads(), (os.cpu_count() or 1) // spec.devices))  # AdamW then runs on the CPU


def keep(spec: TrainSpec, feed: Any, recorder: Any, student: Any) -> None:
    """Leave the logs that have rows in the artefact, and the counts for the manifest."""
    from o1exp.train.worker.lora import left_out

    recorder.logs.keep(Path(spec.out))
    checked, timing = recorder.logs.validation.rows, recorder.logs.timing.rows
    chosen = (min(checked, key=lambda row: row.loss) if spec.keep == "best" else checked[-1]) if checked else None
    seen = feed.facts()
    facts = TrainingFacts(
        **seen, pairs=spec.objective == "dpo", final_loss=recorder.logs.curve.rows[-1].loss,
        validation_loss_before=checked[0].loss if checked else None, validation_loss=chosen and chosen.loss,
        exported_step=chosen and chosen.step, parameters=sum(_size(parameter) for parameter in student.model.parameters()),
        resumed_at=feed.first, seconds_training=round(recorder.seconds, 2), tokens_per_second=round(seen["tokens"] / recorder.seconds, 1),
        memory_mb=max(row.memory_mb for row in timing), memory_loaded_mb=student.loaded_mb, packing=student.way.layout,
        logits="whole" if student.way.shape is None else "in chunks",
        lora_left_out=", ".join(left_out(student.model)) or None if spec.tuning == "lora" else None,
    )  # fmt: skip
    (Path(spec.scratch) / "result.json").write_text(json.dumps(facts.noted()), encoding="utf-8")


def _size(parameter: Any) -> int:
    return int(getattr(parameter, "ds_numel", parameter.numel()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
