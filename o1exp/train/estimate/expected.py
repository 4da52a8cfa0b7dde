"""A training in the plan: whether it fits, what it takes, and the lines that say so."""

from o1exp.flow.expect import Expect
from o1exp.train.estimate.job import TrainingJob
from o1exp.train.estimate.memory import asked, memory
from o1exp.train.estimate.nearest import fits
from o1exp.train.estimate.words import UNKNOWN, gb, memory_lines, priced, recipe, refusal, time
from o1exp.train.estimate.work import LOW_UTILISATION, Amount, pace


def expected(job: TrainingJob, amount: Amount, checkpoints: int) -> Expect:
    """Memory, time, money and disk of a training that keeps so many `checkpoints`; refused where no device could hold it."""
    found, machine = memory(job), job.machine
    speed = pace(job, amount.tokens or 0.0, amount.document)
    hours = speed.hours((amount.tokens or 0.0) + amount.read / 3)  # a forward pass alone is a third
    most = speed.hours((amount.most or 0.0) + amount.read / 3) * max(1.0, machine.utilisation / LOW_UTILISATION)
    gpus = machine.ranks if machine.accelerator == "gpu" else 0
    result = job.width * job.model.parameters / 1e9
    checkpoint = (job.width * job.model.parameters + (12 if job.bf16 or job.zero_stage else 8) * job.trained) / 1e9
    return Expect(
        parameters=job.model.parameters, model=job.model if job.model.layers else None, hours=hours, gpus=gpus,
        gpu_usd=machine.usd(hours * gpus), most_hours=most, most_usd=machine.usd(most * gpus),
        memory_gb=asked(found, machine.accelerator), disk_gb=result, scratch_gb=(checkpoints + 1) * checkpoint,
        obstacles=() if fits(found, machine) else (refusal(job, found),),
        details=(
            ("recipe", recipe(job)),
            *memory_lines(job, found),
            ("time", time(job, amount, speed, hours)),
            *([("cost", priced(machine, hours * gpus))] if gpus else []),
            ("disk", f"{gb(result)} result; {checkpoints + 1} checkpoints of {gb(checkpoint)} at most while it trains"),
        ),
    )  # fmt: skip


def unknown() -> Expect:
    """A training of a model that nothing is known of."""
    return Expect(details=(("memory", UNKNOWN), ("time", UNKNOWN)))
