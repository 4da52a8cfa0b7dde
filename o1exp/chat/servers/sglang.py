"""SGLang: `sglang serve`, of any version since 0.5."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from o1exp.chat.servers.listener import HOST
from o1exp.chat.servers.server import Served, Server
from o1exp.chat.servers.weights import FromWeights
from o1exp.flow import how


@dataclass(frozen=True, kw_only=True)
class Sglang(Server):
    """SGLang's own server."""

    title: ClassVar[str] = "SGLang"
    install: ClassVar[str] = "python -m venv ~/sglang && ~/sglang/bin/pip install sglang"
    chosen: ClassVar[Mapping[str, str]] = {
        "--model-path": "the checkpoint", "--model": "the checkpoint", "--revision": "the checkpoint", "--tokenizer-path": "the checkpoint",
        "--host": "", "--port": "", "--served-model-name": "", "--tensor-parallel-size": "tensor_parallel",
        "--tp-size": "tensor_parallel", "--tp": "tensor_parallel", "--data-parallel-size": "data_parallel", "--dp-size": "data_parallel",
        "--dp": "data_parallel", "--context-length": "context", "--sampling-defaults": "", "--trust-remote-code": "",
    }  # fmt: skip
    decisive: ClassVar[tuple[str, ...]] = (
        "--dtype", "--quantization", "--kv-cache-dtype", "--json-model-override-args", "--chat-template", "--preferred-sampling-params",
        "--reasoning-parser", "--random-seed", "--enable-lora", "--lora-paths", "--speculative-algorithm",
    )  # fmt: skip
    less_memory: ClassVar[str] = "--mem-fraction-static,0.8"

    executable: str = how("sglang")

    def command(self, what: Served, port: int) -> list[str]:
        checkpoint = what.checkpoint
        pinned = ["--revision", checkpoint.revision] if checkpoint.revision else []
        room = ["--context-length", str(self.context)] if self.context else []
        return [
            "serve", "--model-path", checkpoint.source, *pinned, "--served-model-name", what.name, "--host", HOST, "--port", str(port),
            "--tp-size", str(self.tensor_parallel), "--dp-size", str(self.data_parallel), *room,
            "--sampling-defaults", "openai",  # answers depend on what is asked, not on a file beside the weights
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SglangTeacher(Sglang, FromWeights):
    """A checkpoint of the graph as the teacher, behind SGLang's server."""
