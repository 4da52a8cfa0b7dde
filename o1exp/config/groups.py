"""Every config group and the classes behind its options, on one screen. A YAML option names its class in `defaults: [Class, _self_]`.

Names, not classes: composing a config, the help and completion import none of them (o1exp/config/facts.py).
"""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from o1exp.flow import Settings

Groups = Mapping[str, tuple[str, ...]]

GROUPS: Groups = {
    "source": (
        "o1exp.sources.arithmetic.Arithmetic", "o1exp.sources.local.Local", "o1exp.sources.hub.Hub", "o1exp.sources.union.Union",
        "o1exp.sources.facteval.FactEval",
    ),
    "filter": ("o1exp.curate.rules.Rules", "o1exp.curate.rules.Unfiltered"),
    "difficulty": ("o1exp.curate.pass_rate.PassRate",),
    "reformat": (
        "o1exp.thoughts.reformat.Reformat", "o1exp.thoughts.solutions.Solutions", "o1exp.thoughts.labelled.RightSolutions",
    ),
    "judge": ("o1exp.thoughts.judge.Prompted", "o1exp.thoughts.judge.Rollouts", "o1exp.thoughts.reward.Reward"),
    "thought": (
        "o1exp.thoughts.distil.Distil", "o1exp.thoughts.tree.TreeSearch", "o1exp.thoughts.propose.ProposeCritique",
        "o1exp.thoughts.debate.Debate", "o1exp.thoughts.human.Human", "o1exp.thoughts.solutions.Solutions",
    ),
    "walk": ("o1exp.thoughts.walk.DepthFirst",),
    "rewrite": ("o1exp.thoughts.rewrite.Rewriting", "o1exp.thoughts.rewrite.Keeping"),
    "verify": ("o1exp.thoughts.verify.Rejection",),
    "translate": ("o1exp.thoughts.translate.Translate",),
    "teacher": (
        "o1exp.chat.teacher.Teacher", "o1exp.chat.servers.procedural.Procedural", "o1exp.chat.servers.llama.Llama",
        "o1exp.chat.servers.vllm.VllmTeacher", "o1exp.chat.servers.sglang.SglangTeacher", "o1exp.chat.servers.judging.ProceduralJudge",
        "o1exp.chat.servers.translating.ProceduralTranslator",
    ),
    "model": ("o1exp.train.bases.small.Untrained", "o1exp.train.bases.pretrained.Pretrained", "o1exp.train.bases.gguf.Gguf"),
    "select": ("o1exp.curate.select.Select",),
    "cap": ("o1exp.curate.cap.Cap",),
    "mix": ("o1exp.curate.mix.Mix",),
    "sft": ("o1exp.train.sft.Sft",),
    "draws": ("o1exp.bench.bench.Bench",),
    "pairs": ("o1exp.curate.pairs.Pairs",),
    "preference": ("o1exp.train.dpo.Dpo",),
    "engine": (
        "o1exp.bench.engines.embedded.Embedded", "o1exp.bench.engines.remote.Remote", "o1exp.bench.engines.served.VllmEngine",
        "o1exp.bench.engines.served.SglangEngine",
    ),
    "scorer": (
        "o1exp.bench.protocols.SafetyJ", "o1exp.bench.protocols.SimpleQa", "o1exp.bench.protocols.AutoJ",
        "o1exp.bench.protocols.AutoJPairwise", "o1exp.bench.protocols.Rubric", "o1exp.bench.panel.Panel", "o1exp.bench.rated.Human",
    ),
    "bench": ("o1exp.bench.bench.Bench",),
    "result": ("o1exp.bench.result.Result",),
    "data_card": ("o1exp.cards.data_card.DataCard",),
    "model_card": ("o1exp.cards.model_card.ModelCard",),
    "audit": ("o1exp.tti.stage.Audit",),
    "report": ("o1exp.report.page.Report",),
    "machine": ("o1exp.flow.machine.Machine",),
    "budget": ("o1exp.chat.teacher.Budget",),
    "store": ("o1exp.flow.storage.Storage", "o1exp.flow.storage.Shared"),
    "ledger": ("o1exp.chat.purse.Purse", "o1exp.chat.purse.Database"),
    "track": ("o1exp.track.tracking.Tracking",),
}  # fmt: skip


_WHOLE: set[type] = set()


def load(target: str) -> "type[Settings]":
    """The class at a dotted path; the current folder counts as a place of modules.

    Errors: ValueError with a sentence where there is none or it is no class of settings.
    """
    from o1exp.flow import Settings

    module, _, name = target.rpartition(".")
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())  # last: a file there shadows no installed module
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as why:  # whatever the code of a user's module raises, or if it ends
        raise ValueError(f"{target}: cannot be imported ({type(why).__name__}: {why})") from why
    if not (isinstance(found, type) and issubclass(found, Settings)):
        raise ValueError(f"{target}: is no class of settings; derive it from Stage, Recipe or Settings of o1exp.flow")
    if missing := _missing(found):
        raise ValueError(f"{target}: lacks {', '.join(missing)}, which every class of its kind has")
    return found


def _missing(found: type) -> list[str]:
    """The names of what a class should have and has not; a class that is whole is looked through once."""
    missing = [] if found in _WHOLE else [name for name in dir(found) if getattr(getattr(found, name, None), "__isabstractmethod__", False)]
    if not missing:
        _WHOLE.add(found)
    return missing


def classes(groups: Groups = GROUPS) -> "dict[str, tuple[type[Settings], ...]]":
    """The classes themselves, all imported."""
    return {group: tuple(load(target) for target in targets) for group, targets in groups.items()}


if __name__ == "__main__":  # make lock
    from o1exp.flow.source import write_lock

    write_lock(classes().values())
