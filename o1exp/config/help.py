"""`o1exp --help`: how to call it, and every option of every group with the comment at its head."""

from pathlib import Path

from o1exp.config import spine

USE = """o1exp: ablations of o1 replication by distillation, as content-addressed experiments.

Usage: o1exp [-m] [GROUP=OPTION ...] [NODE.SETTING=VALUE ...]

  o1exp                                          the quick start: a true small ablation, from teacher to report
  o1exp action=plan                              what would be made, with requests, tokens, dollars and hours; makes nothing
  o1exp action=why                               which changed setting makes each stage anew
  o1exp action=verify                            is every file of every artefact as it was made? Names each that is not
  o1exp goal=verify                              make only what one stage needs (any node below, or bench.NAME)
  o1exp -m seed=0,1,2 thought=distil,shortcut    a sweep; what its cells share is made once
  o1exp experiment=paper/math scale=tiny         an experiment of the papers in the quick start's world, whole, in minutes
  o1exp --config-dir sweeps --config-name NAME   a named sweep
  o1exp --help think                             the settings of a node or an option (sft/small): type, default, meaning
  o1exp --completion bash                        completion for the shell (or zsh): eval "$(o1exp --completion bash)"
  o1exp --cfg job                                the composed configuration with all settings
  o1exp --hydra-help                             Hydra's own flags

Settings that are often set: seed, budget.usd, outputs, machine.devices, teacher.base_url, teacher.model, think.lr, think.epochs
Exit codes: 0 done, 1 a stage failed, 2 the configuration is wrong, 3 the budget is spent, 130 interrupted
"""


def help_text(conf: Path) -> str:
    """The whole help: the spine's choices, and the first comment of each option."""
    lines = [USE, "Choices (GROUP=OPTION; bench takes a list, bench=[gsm8k,math500])"]
    nodes = spine.nodes(conf)
    for group in spine.groups([conf]):
        if group == "hydra":
            continue
        lines.append(f"\n{', '.join(node.choice for node in nodes if node.group == group) or group}")
        lines += [f"  {name:<18} {head(path)}" for name, path in spine.options([conf], group).items()]
    return "\n".join(lines) + "\n"


def head(option: Path) -> str:
    """What the comment at the head of an option says in its first line."""
    comments = [line.removeprefix("#").strip() for line in spine.text(option).splitlines() if line.startswith("#")]
    return next((line for line in comments if not line.startswith("@package")), "")
