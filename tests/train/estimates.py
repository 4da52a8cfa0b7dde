"""Models of known size, and trainings of them, for the tests of the plan."""

from o1exp.config.compose import composed
from o1exp.config.graph import Graph
from o1exp.flow import Machine
from o1exp.flow.architecture import Architecture
from o1exp.train.estimate.job import TrainingJob


def model(option: str) -> Architecture:
    """The numbers of an option of conf/model."""
    found = Graph(composed([f"model={option}"])).stage("model").expect({}).model
    assert found is not None
    return found


def job(option: str, machine: Machine, pack_length: int = 16384, **recipe: int) -> TrainingJob:
    """bf16, steps of 32 packs."""
    return TrainingJob(
        model=model(option), machine=machine, bf16=True, pack_length=pack_length, batch_tokens=32 * pack_length,
        lora_r=recipe.get("lora_r", 0),
    )  # fmt: skip


def h100(**fields: int | bool | str) -> Machine:
    """H100-80GB: one, without recompute, unless said."""
    return Machine(accelerator="gpu", micro_batch_tokens=16384, memory_gb=80, peak_tflops=989, **fields)  # type: ignore[arg-type]
