"""What every training stage shares: the recipe, the launch in a process of its own, what it costs and what stands in its way."""

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal

from o1exp.chat.templates import expected as expected_template
from o1exp.chat.templates import mistake_in, template_text
from o1exp.flow import Above, AtLeast, Between, Checkpoint, Expect, Machine, Stage, StageFailed, Work, added, how
from o1exp.flow.architecture import Architecture, positions
from o1exp.flow.hub import look_for_hub
from o1exp.flow.library import transformers
from o1exp.train.bases.small import Untrained
from o1exp.train.data.preview import lines
from o1exp.train.estimate.expected import expected, unknown
from o1exp.train.estimate.job import TrainingJob
from o1exp.train.estimate.work import Amount
from o1exp.train.facts import PREPARED, TOKENIZER, PreparedFacts
from o1exp.train.launch import environment, launch, launch_obstacles
from o1exp.train.logs import TIMING
from o1exp.train.prepare import Prepare
from o1exp.train.spec import TrainSpec

GRACE = {"local": 10.0, "slurm": 240.0}
"""Seconds that a training has to finish its step and write a checkpoint once its run is stopped."""


@dataclass(frozen=True, kw_only=True)
class Training(Stage[Checkpoint]):
    """Train `start` further. Paper: section 2.3.1; the papers give hardly a number, so the defaults are ours.

    An optimizer step takes about `batch_tokens` tokens over all ranks. Training lasts `epochs`, or until `max_tokens` tokens or `max_steps`
    steps were seen, so that arms can be matched. The artefact is `model/`, `curve.jsonl` (a row per step), `validation.jsonl`,
    `samples.jsonl` and `timing.jsonl`.
    """

    version: ClassVar[int] = 5
    runs: ClassVar[tuple[str, ...]] = ("o1exp.train.worker.rank",)
    volatile: ClassVar[tuple[str, ...]] = (TIMING.name,)
    renamed: ClassVar[Mapping[str, str]] = {
        "clip": "max_grad_norm", "schedule": "lr_scheduler_type", "lr_schedule": "lr_scheduler_type", "warmup": "warmup_ratio",
        "positions": "max_position_embeddings", "validation": "validation_fraction", "lora_rank": "lora_r", "end_token": "eos_token",
        "learning_rate": "lr", "num_train_epochs": "epochs", "save_total_limit": "keep_checkpoints",
    }  # fmt: skip
    """Former names of ours, and those of other trainers where ours is shorter."""
    objective: ClassVar[str]
    references: ClassVar[int] = 0
    """How often the start reads the data before training."""

    start: Stage[Checkpoint]
    """The model that training starts from."""
    lr: Annotated[float, Above(0)]
    """Learning rate at its highest, after the warm-up."""
    lr_scheduler_type: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate falls to 0 after the warm-up; constant: not at all."""
    warmup_ratio: Annotated[float, Between(0, 1)] = 0.03
    """Share of the steps over which the learning rate rises to `lr`."""
    weight_decay: Annotated[float, AtLeast(0)] = 0.0
    """AdamW's decay of the matrices; norms and biases have none."""
    epochs: Annotated[float, Above(0)] = 3
    """Passes over the examples; parts of a pass count too."""
    max_tokens: Annotated[int, AtLeast(1)] | None = None
    """Train until so many tokens were seen, instead of `epochs`."""
    max_steps: Annotated[int, AtLeast(1)] | None = None
    """Train for so many optimizer steps, instead of `epochs`."""
    batch_tokens: Annotated[int, AtLeast(1)] = 65536
    """Tokens of one optimizer step, over all ranks."""
    pack_length: Annotated[int, AtLeast(16)] = 4096
    """Tokens of a pack at most; whole examples share a pack, and none sees another."""
    max_length: Annotated[int, AtLeast(2)] = 4096
    """Tokens of an example at most, prompt and response together."""
    overlong: Literal["drop", "cut"] = "drop"
    """What becomes of an example longer than `max_length`: left out whole, or cut at its end; both are counted."""
    max_grad_norm: Annotated[float, AtLeast(0)] = 1.0
    """Clip the gradient of a step to this L2 norm; 0: never."""
    max_rise: Annotated[float, AtLeast(0)] = 2.0
    """Stop when the mean loss of 20 steps lies so far above its lowest; 0: never."""
    seed: Annotated[int, AtLeast(0)] = 0
    """Decides the order of the examples, LoRA's start and dropout."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of weights and arithmetic."""
    tuning: Literal["full", "lora"] = "full"
    """Train all weights, or LoRA matrices beside them, which are merged into the weights at the end."""
    lora_r: Annotated[int, AtLeast(1)] = 16
    """Rank of the LoRA matrices."""
    lora_alpha: Annotated[int, AtLeast(1)] = 32
    """LoRA adds `lora_alpha / lora_r` times what its matrices give."""
    lora_dropout: Annotated[float, Between(0, 1)] = 0.0
    """Share of the inputs of the LoRA matrices that is dropped in training."""
    freeze_embeddings: bool = False
    """Leave the embedding, and an output layer tied to it, as it is."""
    max_position_embeddings: Annotated[int, AtLeast(0)] = 0
    """Widen the model's window to so many tokens; 0: as the model has it. A wider one needs a larger `rope_theta`."""
    rope_theta: Annotated[float, AtLeast(0)] = 0.0
    """Base of the rotary positions, of layers that see the whole text where each kind has its own; 0: as the model has it."""
    eos_token: str = ""
    """The token that closes a response; "": the tokenizer's own."""
    chat_template: str = ""
    """A template instead of the tokenizer's: plain, chatml, a name of the tokenizer's set, a Jinja file or its text; "": its own."""
    special_tokens: Literal["text", "tokens"] = added("text")
    """What special tokens in the data's texts are: the text that they stand in, or the tokens themselves; both are counted."""
    validation_fraction: Annotated[float, Between(0, 0.9)] = 0.0
    """Share of the problems that is held out of training, to measure the loss on."""
    evaluations: Annotated[int, AtLeast(1)] = 5
    """Look at the held-out problems before training and after each of so many equal parts of it."""
    samples: Annotated[int, AtLeast(0)] = 0
    """Held-out problems that the model answers at each evaluation."""
    sample_tokens: Annotated[int, AtLeast(1)] = 256
    """Tokens of such an answer at most."""
    keep: Literal["last", "best"] = "last"
    """Whose weights are the result: those of the last step, or of the evaluation with the lowest loss."""
    machine: Machine = how(Machine())
    """Devices, ranks and how they share the work."""
    checkpoint_seconds: Annotated[float, AtLeast(0)] = how(20.0)
    """Between checkpoints for resuming; at least ten times as long as one takes to write."""
    keep_checkpoints: Annotated[int, AtLeast(1)] = how(2)
    """Checkpoints that stay on the disk while training runs."""

    def __post_init__(self) -> None:
        if isinstance(self.chat_template, str):  # a file counts by what it holds
            object.__setattr__(self, "chat_template", template_text(self.chat_template))
        super().__post_init__()

    @property
    @abstractmethod
    def texts(self) -> Stage[Any]:
        """The table that is trained on."""

    @cached_property
    def prepared(self) -> Prepare:
        """The token ids of the data; no setting of the model or the optimizer is in their key, so that trainings share them."""
        chain: list[Training] = [self]
        while isinstance(before := chain[-1].start, Training):  # a training hands its start's tokenizer on
            chain.append(before)
        base = chain[-1].start
        return Prepare(
            tokenizer=base.tokenizer if isinstance(base, Untrained) else base, data=self.texts, max_length=self.longest,
            overlong=self.overlong,
            eos_token=next((one.eos_token for one in chain if one.eos_token), ""),
            chat_template=next((one.chat_template for one in chain if one.chat_template), ""), special_tokens=self.special_tokens,
        )  # fmt: skip

    @property
    def longest(self) -> int:
        """Tokens of a document at most."""
        return self.max_length

    def _edges(self) -> Iterator[tuple[str, Stage[Any]]]:
        yield from super()._edges()
        yield PREPARED, self.prepared
        yield TOKENIZER, self.prepared.tokenizer  # every rank loads it, to decode what it samples and to export it with the weights

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if wrong := mistake_in(self.chat_template):
            yield "chat_template", wrong
        if self.max_length > self.pack_length:
            yield "max_length", f"{self.max_length} is longer than pack_length={self.pack_length}; an example must fit into one pack"
        if self.pack_length > self.batch_tokens:
            yield "pack_length", f"{self.pack_length} is more than batch_tokens={self.batch_tokens}; a step holds at least one pack"
        if self.max_tokens is not None and self.max_steps is not None:
            yield "max_steps", f"{self.max_steps} stands beside max_tokens={self.max_tokens}; set one of them to null"
        if self.machine.sequence_parallel > 1 and self.objective != "sft":
            yield "machine", f"sequence_parallel={self.machine.sequence_parallel} is for SFT; set machine.sequence_parallel=1 here"
        if not self.validation_fraction and (self.samples or self.keep == "best"):
            asked = "keep=best" if self.keep == "best" else f"samples={self.samples}"
            yield "validation_fraction", f"is 0, but {asked} needs held-out problems; set e.g. validation_fraction=0.05"

    def preflight(self) -> Iterator[str]:
        """What is not installed, or not there to launch with."""
        needed = ["torch", "transformers", "lightning"]
        needed += ["deepspeed"] if self.machine.strategy == "deepspeed" else []
        if missing := [package for package in needed if not _installed(package)]:
            yield f"training needs {', '.join(missing)}: pip install {' '.join(missing)}"
        yield from launch_obstacles(self.machine)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        """Whether it fits, memory, hours, GPU-hours and their price, disk; refused where no device of the machine could hold it."""
        start, data = inputs.get("start", Expect()), inputs.get("prepared", Expect())
        seen, most = self._tokens(data, data.tokens_per_row), self._tokens(data, self.longest)
        rows, each = data.rows or 0.0, data.tokens_per_row or 0.0
        amount = Amount(
            tokens=seen, most=most, document=each or self.pack_length,
            read=((self.evaluations + 1) * self.validation_fraction + self.references) * rows * each,
        )  # fmt: skip
        model = start.model or (Architecture.unread(start.parameters) if start.parameters else None)
        found = unknown() if model is None else expected(self._job(model), amount, self.keep_checkpoints + (self.keep == "best"))
        remark = "" if seen is None else f"trains on {seen:,.0f} tokens"
        template = expected_template(start.template, self.chat_template)
        if model is not None and (size := self.machine.sequence_parallel) > 1 and model.heads and model.heads % size:
            why = f"{model.heads} heads cannot be shared by machine.sequence_parallel={size} ranks; take a divisor of {model.heads}"
            found = replace(found, obstacles=(*found.obstacles, why))
        return replace(found, rows=data.rows, tokens_per_row=data.tokens_per_row, template=template, remark=remark)

    def _job(self, model: Architecture) -> TrainingJob:
        return TrainingJob(
            model=model, machine=self.machine, bf16=self.precision == "bf16", pack_length=self.pack_length, batch_tokens=self.batch_tokens,
            lora_r=self.lora_r if self.tuning == "lora" else 0, frozen=self.freeze_embeddings, pairs=self.objective == "dpo",
        )  # fmt: skip

    def _tokens(self, data: Expect, each: float | None) -> float | None:
        """How many are trained on, where an example has so many."""
        if self.max_steps is not None:
            return self.max_steps * self.batch_tokens
        if self.max_tokens is not None:
            return self.max_tokens
        if data.rows is not None and each is not None:
            return self.epochs * data.rows * each * (1 - self.validation_fraction)
        return None

    @property
    def gpus(self) -> int:
        return self.machine.gpus

    @property
    def preloads(self) -> tuple[str, ...]:
        return ("o1exp.train.worker.warm",) if self.machine.accelerator == "cpu" else ()

    def make(self, work: Work) -> None:
        if obstacles := list(self.preflight()):
            raise ValueError("; ".join(obstacles))
        spec, path = self.spec(work), work.scratch / "spec.json"
        spec.save(path)
        spec.failure.unlink(missing_ok=True)
        self.show(work)
        with work.progress("training", 1.0) as bar:
            try:
                command, grace = launch(self.machine, self.runs[0], path), GRACE[self.machine.launcher]
                work.run(command, lambda row: _show(row, bar, work.console), environment(self.machine), grace)
            except StageFailed as ended:
                raise _cause(spec, ended) from None
        work.note(**json.loads((work.scratch / "result.json").read_text(encoding="utf-8")))

    def show(self, work: Work) -> None:
        """Print what is learned and how long it is, before it costs anything."""
        start = work.open(self.start)
        look_for_hub(start.source)
        try:
            config = transformers("AutoConfig").from_pretrained(start.source, revision=start.revision or None)
        except (ValueError, KeyError, AttributeError, TypeError):  # the training refuses it in a sentence
            config = None
        window = self.max_position_embeddings or positions(getattr(config, "max_position_embeddings", None))
        for line in lines(work.open(self.prepared).folder, PreparedFacts.of(work.manifest(self.prepared).facts), window):
            work.console.line(line)

    def spec(self, work: Work) -> TrainSpec:
        """The resolved spec: settings and machine by their own names, inputs as folders."""
        start, tokenizer, prepared = work.open(self.start), work.open(self.prepared.tokenizer), work.open(self.prepared)
        paths = {
            "objective": self.objective, "start": start.source, "revision": start.revision, "tokenizer": tokenizer.source,
            "tokenizer_revision": tokenizer.revision, "data": str(prepared.folder), "out": str(work.folder), "scratch": str(work.scratch),
            "eos_token": self.prepared.eos_token, "chat_template": self.prepared.chat_template,
        }  # fmt: skip
        names = [field.name for field in dataclasses.fields(TrainSpec)]
        machine = {name: getattr(self.machine, name) for name in names if name in Machine.__dataclass_fields__}
        own = {name: getattr(self, name) for name in names if name in self.__dataclass_fields__}
        return TrainSpec(**{"beta": 0.0, **machine, **own, **paths})


@cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _cause(spec: TrainSpec, ended: StageFailed) -> Exception:
    """What the first failing rank said, rather than what its launcher makes of it."""
    if not spec.failure.exists():
        return ended
    failure = json.loads(spec.failure.read_text(encoding="utf-8"))
    return ValueError(failure["text"]) if failure["refused"] else StageFailed(failure["text"])


def _show(row: dict[str, Any], bar: Any, console: Any) -> None:
    if "says" in row:
        console.line(row["says"])
        return
    speed = f", {row['tokens'] / row['seconds']:,.0f} tokens/s" if row["seconds"] else ""
    bar.at(row["step"] / row["steps"], f"loss {row['loss']:.3f}, {row['tokens']:,} tokens{speed}")
