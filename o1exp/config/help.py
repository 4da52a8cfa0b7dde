"""`o1exp --help`: how to call it, and every option of every group with the comment at its head."""

from collections.abc import Iterator
from pathlib import Path

USE = """o1exp: ablations of o1 replication by distillation, as content-addressed experiments.

Usage: o1exp [-m] [GROUP=OPTION ...] [NODE.SETTING=VALUE ...]

  o1exp                                          the quick start: a true small ablation, from teacher to report
  o1exp action=plan                              what would be made, with requests, tokens, dollars and hours; makes nothing
  o1exp action=why                               which changed setting makes each stage anew
  o1exp action=verify                            is every file of every artefact as it was made? Names each that is not
  o1exp goal=verify                              make only what one stage needs (any node below, or bench.NAME)
  o1exp -m seed=0,1,2 thought=distil,shortcut    a sweep; what its cells share is made once
  o1exp --config-dir sweeps --config-name NAME   a named sweep
  o1exp --cfg job                                the composed configuration with all settings
  o1exp --hydra-help                             Hydra's own flags

Settings that are often set: seed, budget.usd, outputs, machine.devices, teacher.base_url, teacher.model, think.lr, think.epochs
Exit codes: 0 done, 1 a stage failed, 2 the configuration is wrong, 3 the budget is spent, 130 interrupted
"""

SLOTS = {"sft": "sft@imitate, sft@think", "teacher": "teacher, teacher@writer"}


def help_text(conf: Path) -> str:
    """The whole help. Reads nothing but the first lines of the YAML files."""
    lines = [USE, "Choices (GROUP=OPTION; bench takes a list, bench=[gsm8k,math500])"]
    for group in sorted(path for path in conf.iterdir() if path.is_dir()):
        lines.append(f"\n{SLOTS.get(group.name, group.name)}")
        lines += [f"  {name:<18} {words}" for name, words in _options(group)]
    return "\n".join(lines) + "\n"


def _options(group: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(group.rglob("*.yaml")):
        comments = [line.removeprefix("#").strip() for line in path.read_text().splitlines() if line.startswith("#")]
        yield str(path.relative_to(group).with_suffix("")), next((line for line in comments if not line.startswith("@package")), "")
