"""vLLM: `vllm serve`, of any version since 0.9."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from o1exp.chat.servers.listener import HOST
from o1exp.chat.servers.server import Served, Server
from o1exp.chat.servers.weights import FromWeights
from o1exp.flow import how


@dataclass(frozen=True, kw_only=True)
class Vllm(Server):
    """vLLM's own server."""

    title: ClassVar[str] = "vLLM"
    install: ClassVar[str] = "python -m venv ~/vllm && ~/vllm/bin/pip install vllm"
    chosen: ClassVar[Mapping[str, str]] = {
        "--model": "the checkpoint", "--revision": "the checkpoint", "--tokenizer": "the checkpoint", "--host": "", "--port": "",
        "--served-model-name": "", "--tensor-parallel-size": "tensor_parallel", "-tp": "tensor_parallel",
        "--data-parallel-size": "data_parallel", "-dp": "data_parallel", "--max-model-len": "context", "--generation-config": "",
        "--trust-remote-code": "",
    }  # fmt: skip
    decisive: ClassVar[tuple[str, ...]] = (
        "--dtype", "--quantization", "-q", "--kv-cache-dtype", "--hf-overrides", "--chat-template", "--override-generation-config",
        "--reasoning-parser", "--seed", "--enable-lora", "--lora-modules", "--logits-processors", "--speculative-config",
    )  # fmt: skip
    less_memory: ClassVar[str] = "--gpu-memory-utilization,0.8"

    executable: str = how("vllm")

    def command(self, what: Served, port: int) -> list[str]:
        checkpoint = what.checkpoint
        pinned = ["--revision", checkpoint.revision, "--tokenizer-revision", checkpoint.revision] if checkpoint.revision else []
        room = ["--max-model-len", str(self.context)] if self.context else []
        return [
            "serve", checkpoint.source, *pinned, "--served-model-name", what.name, "--host", HOST, "--port", str(port),
            "--tensor-parallel-size", str(self.tensor_parallel), "--data-parallel-size", str(self.data_parallel), *room,
            "--generation-config", "vllm",  # answers depend on what is asked, not on a file beside the weights
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class VllmTeacher(Vllm, FromWeights):
    """A checkpoint of the graph as the teacher, behind vLLM's server."""
