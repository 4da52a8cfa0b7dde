"""What decides the bytes of an artefact beside its key: the code's version, the libraries, and the kind of processor."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from o1exp import __version__

LIBRARIES = (
    "torch", "transformers", "tokenizers", "lightning", "deepspeed", "openai", "numpy", "scipy", "pyarrow", "math-verify", "mpmath",
)  # fmt: skip
INSTRUCTIONS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
"""Instruction sets between which libraries choose, and by which they add up in another order."""


@cache
def made_by() -> dict[str, str]:
    """o1exp and its commit, Python, the libraries that decide numbers, and the processor."""
    versions = {"o1exp": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    if found := commit(Path(__file__).resolve().parents[2]):
        versions["commit"] = found
    listed = Path("/proc/cpuinfo")
    return versions | {"processor": processor(listed.read_text(encoding="utf-8") if listed.exists() else "")}


def processor(listed: str) -> str:
    """Architecture, maker, model and instruction sets, from the text of /proc/cpuinfo ("" where there is none).

    E.g. "x86_64 AuthenticAMD AMD EPYC (cpu family 25 model 17), avx avx2 fma".
    """
    facts = cpu_facts(listed)
    maker = facts.get("vendor_id", facts.get("CPU implementer", ""))
    model = facts.get("model name", facts.get("CPU part", platform.processor()))
    has = set(facts.get("flags", facts.get("Features", "")).split())
    number = " ".join(f"{name} {facts[name]}" for name in ("cpu family", "model") if name in facts)  # where a cloud hides the name
    named = " ".join(filter(None, [platform.machine(), maker, model, number and f"({number})"]))
    return ", ".join(filter(None, [named, " ".join(name for name in INSTRUCTIONS if name in has)]))


def cpu_facts(text: str) -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    lines = [line.partition(":") for line in text.split("\n\n")[0].splitlines()]
    return {name.strip(): " ".join(value.split()) for name, _, value in lines}


def commit(checkout: Path) -> str:
    """The checkout's commit; "" for an installed package, whatever repository it may lie in."""
    if not (checkout / ".git").exists():
        return ""
    try:
        asked = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=checkout, capture_output=True, encoding="utf-8", check=False)
    except OSError:  # no git
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
