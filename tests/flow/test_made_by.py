"""What an artefact was made by, beside its key."""

import platform
import subprocess
from pathlib import Path

import pytest

from o1exp.flow import Store, made_by
from tests.flow.stages import Numbers

INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R)   Platinum 8259CL CPU @ 2.50GHz
flags\t\t: fpu sse4_2 avx avx2 avx512f fma

processor\t: 1
vendor_id\t: another
"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd sve
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (INTEL, "GenuineIntel Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz (cpu family 6 model 85), sse4_2 avx avx2 fma avx512f"),
        (ARM, "0x41 0xd40, asimd sve"),
    ],
)
def test_a_processor_is_told_by_maker_model_and_instructions(text: str, said: str) -> None:
    assert made_by.processor(text) == f"{platform.machine()} {said}"


def test_a_system_without_the_list_says_what_it_can() -> None:
    assert made_by.processor("").startswith(platform.machine())


def test_a_manifest_holds_processor_and_versions(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(Numbers())
    manifest = store.manifest(Numbers())
    assert manifest is not None
    assert manifest.made_by["processor"].startswith(platform.machine())
    assert {"o1exp", "python", "torch", "numpy", "tokenizers", "pyarrow"} <= set(manifest.made_by)


def test_the_commit_is_that_of_the_checkout_and_no_other(tmp_path: Path) -> None:
    """A package that is installed inside somebody's repository is not of that commit."""
    for command in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    inside = tmp_path / "venv" / "site-packages"
    inside.mkdir(parents=True)
    assert made_by.commit(tmp_path)
    assert made_by.commit(inside) == ""
