"""One rank of a training, started by `Sft` in a process of its own: python -m o1exp.train.worker SPEC."""

import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

from o1exp.flow.work import die_with_parent
from o1exp.train.encode import Refused
from o1exp.train.prepare import encoded, load_tokenizer
from o1exp.train.spec import TrainSpec


def main(path: Path) -> None:
    die_with_parent()
    # Libraries print to stdout; the parent reads only our progress there.
    progress, sys.stdout = sys.stdout, sys.stderr
    spec, rank = TrainSpec.load(path), int(os.environ.get("RANK", "0"))
    try:
        train(spec, rank, progress)
    except Exception as problem:
        spec.report(str(problem) if isinstance(problem, Refused) else traceback.format_exc(), refused=isinstance(problem, Refused))
        raise


def train(spec: TrainSpec, rank: int, progress: TextIO) -> None:
    """Encode, fit, export; the artefact's files go to `spec.out`, the facts to `result.json` in scratch."""
    warnings.filterwarnings("ignore", module="lightning|deepspeed|torch")
    tokenizer = load_tokenizer(spec)
    data = encoded(spec, tokenizer, rank)

    from o1exp.train.accelerator import import_deepspeed

    import_deepspeed()
    from o1exp.train.export import export
    from o1exp.train.module import Student
    from o1exp.train.record import Recorder
    from o1exp.train.resume import Checkpoints
    from o1exp.train.schedule import Feed, plan
    from o1exp.train.strategy import make_trainer

    todo = plan(spec, data)
    feed = Feed(spec, data, todo, rank)
    recorder = Recorder(Checkpoints(spec), todo, feed, progress)
    student, trainer = Student(spec, data, todo), make_trainer(spec, recorder)
    trainer.fit(student, feed)
    assert recorder.done == len(todo), f"the trainer stopped after step {recorder.done} of {len(todo)}"
    export(trainer.strategy.deepspeed_engine, student.model, tokenizer, Path(spec.out) / "model")
    if rank == 0:
        curve = (Path(spec.scratch) / "curve.jsonl").read_text()
        (Path(spec.out) / "curve.jsonl").write_text(curve)
        facts = {**feed.facts(), "final_loss": json.loads(curve.splitlines()[-1])["loss"]}
        facts |= {
            "resumed_at": feed.first,
            "seconds_training": round(recorder.seconds, 2),
            "tokens_per_second": round(facts["tokens"] / recorder.seconds, 1),
        }
        facts["parameters"] = sum(_size(parameter) for parameter in student.model.parameters())
        (Path(spec.scratch) / "result.json").write_text(json.dumps(facts))


def _size(parameter: Any) -> int:
    return int(getattr(parameter, "ds_numel", parameter.numel()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
