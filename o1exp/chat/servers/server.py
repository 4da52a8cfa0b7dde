"""A program that serves any checkpoint of the graph by OpenAI's protocol: how it is found, started and told what to serve."""

import os
import shutil
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from o1exp.chat.servers.replica import Launch
from o1exp.chat.servers.serve import log_file, served
from o1exp.flow import Above, AtLeast, Checkpoint, Machine, Settings, StageFailed, Work, how
from o1exp.flow.gpus import ORDER, VISIBLE, Gpu, here
from o1exp.secrets import environment

OF_OUR_ENVIRONMENT = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV")
"""Variables that would lead the program to our packages instead of its own."""
NO_TELEMETRY = {"DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1"}


@dataclass(frozen=True, kw_only=True)
class Served:
    """What is served: a checkpoint, and the name that it has for whoever asks."""

    checkpoint: Checkpoint
    name: str


@dataclass(frozen=True, kw_only=True)
class Server(Settings):
    """How checkpoints are served. Of all this only `answer_arguments` belongs to a key."""

    title: ClassVar[str]
    install: ClassVar[str]
    """How the program is installed, for whoever lacks it."""
    chosen: ClassVar[Mapping[str, str]]
    """Arguments that are set here, and the setting that does it ("" for none)."""
    decisive: ClassVar[tuple[str, ...]]
    """Arguments that change answers."""
    less_memory: ClassVar[str]
    """The argument that makes the program take less memory."""

    executable: str = how("")
    """The program: a name on the PATH, or the path of one in an environment of its own."""
    arguments: tuple[str, ...] = how(())
    """Further arguments of the program that leave answers as they are."""
    answer_arguments: tuple[str, ...] = ()
    """Further arguments that change answers, such as a quantization; they belong to the key."""
    tensor_parallel: Annotated[int, AtLeast(1)] = how(1)
    """GPUs over which each copy of the weights is spread."""
    data_parallel: Annotated[int, AtLeast(1)] = how(1)
    """Copies of the weights inside one server."""
    replicas: Annotated[int, AtLeast(1)] = how(1)
    """Servers side by side on this machine; each request goes to the one with the fewest."""
    context: Annotated[int, AtLeast(0)] = how(0)
    """The most tokens of prompt plus answer; 0: as many as the checkpoint allows."""
    start_seconds: Annotated[float, Above(0)] = how(1800.0)
    """Seconds that a server may take to get ready."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        for field, given in (("arguments", self.arguments), ("answer_arguments", self.answer_arguments)):
            for name in (argument.partition("=")[0] for argument in given):
                if name in self.chosen:
                    setting = self.chosen[name]
                    yield field, f"{name} is set by the run; " + (f"set {setting} instead" if setting else "leave it out")
                elif name in self.decisive and field == "arguments":
                    yield field, f"{name} changes answers; write it into answer_arguments, which belong to the key"

    @property
    def devices(self) -> int:
        """GPUs of all servers together."""
        return self.replicas * self.tensor_parallel * self.data_parallel

    def lacking(self) -> Iterator[str]:
        """Why no server could be started: there is no such program."""
        if self.program() is None:
            yield (
                f"executable={self.executable}: there is no such program; install {self.title} into an environment of its own "
                f"({self.install}) and give the path of its program there, or set base_url to a running server; "
                "to replay stored answers any program will do, e.g. executable=echo"
            )

    def program(self) -> str | None:
        """The path of the program, None where there is none."""
        return shutil.which(str(Path(self.executable).expanduser()))

    def too_few(self, machine: Machine) -> str:
        """Why the machine has not the GPUs for it, "" where it has."""
        if machine.accelerator != "gpu" or self.devices <= machine.devices:
            return ""
        return (
            f"replicas={self.replicas} with tensor_parallel={self.tensor_parallel} and data_parallel={self.data_parallel} take "
            f"{self.devices} GPUs, but machine.devices={machine.devices}; set machine.devices={self.devices}, or fewer of the others"
        )

    @abstractmethod
    def command(self, what: Served, port: int) -> list[str]:
        """The arguments that serve the checkpoint under its name on that port of 127.0.0.1, without those of the user."""

    def serve(self, what: Served, machine: Machine, work: Work) -> AbstractContextManager[str]:
        """The base_url under which the checkpoint is served until the block ends. Errors: StageFailed."""
        program = self.program()
        if program is None:
            raise StageFailed(next(self.lacking()))
        gpus = self._gpus(machine, work)
        each = self.devices // self.replicas
        launches = [
            Launch(
                title=self.title, command=partial(self._whole_command, program, what), model=what.name, log=log_file(work, number),
                env=self._environment(program, gpus[number * each : (number + 1) * each], machine), files=work.lease.files,
                start_seconds=self.start_seconds, remedy=self._remedy(), memory_remedy=self._memory_remedy(),
            )
            for number in range(self.replicas)
        ]  # fmt: skip
        return served(launches, what.checkpoint, work)

    def _whole_command(self, program: str, what: Served, port: int) -> list[str]:
        return [program, *self.command(what, port), *self.answer_arguments, *self.arguments]

    def _gpus(self, machine: Machine, work: Work) -> tuple[Gpu, ...]:
        """Those that the stage has leased; inside a Slurm job all that the job has."""
        if machine.accelerator != "gpu":
            return ()
        found = work.lease.gpus or here()
        if len(found) < self.devices:
            raise StageFailed(self.too_few(machine) or f"{self.title} takes {self.devices} GPUs, and the stage has {len(found)}")
        return found

    def _environment(self, program: str, gpus: tuple[Gpu, ...], machine: Machine) -> dict[str, str]:
        """Ours without secrets and without our packages; the server sees its own GPUs alone, on a CPU none."""
        env = {name: value for name, value in environment().items() if name not in OF_OUR_ENVIRONMENT}
        env["PATH"] = os.pathsep.join([str(Path(program).parent), env.get("PATH", os.defpath)])
        env |= {VISIBLE: ",".join(gpu.name for gpu in gpus), **ORDER}
        return {**NO_TELEMETRY, **env, "OMP_NUM_THREADS": str(machine.threads)}

    def _remedy(self) -> str:
        return f"look at its last words; executable, arguments and answer_arguments say how {self.title} is started"

    def _memory_remedy(self) -> str:
        return (
            f"it ran out of memory: set arguments=[{self.less_memory}], a smaller context, a smaller concurrency, "
            "or a higher tensor_parallel"
        )
