"""Every config group and the classes behind its options, on one screen. A YAML option names its class in `defaults: [Class, _self_]`."""

from o1exp.bench.bench import Bench
from o1exp.bench.engines.embedded import Embedded
from o1exp.bench.engines.remote import Remote
from o1exp.bench.result import Result
from o1exp.cards.data_card import DataCard
from o1exp.cards.model_card import ModelCard
from o1exp.chat.servers.llama import Llama
from o1exp.chat.servers.procedural import Procedural
from o1exp.chat.teacher import Budget, Teacher
from o1exp.curate.mix import Mix
from o1exp.curate.pairs import Pairs
from o1exp.curate.rules import Rules
from o1exp.flow import Machine, Settings
from o1exp.flow.source import stage_classes, write_lock
from o1exp.report.page import Report
from o1exp.sources.arithmetic import Arithmetic
from o1exp.sources.hub import Hub
from o1exp.sources.local import Local
from o1exp.thoughts.distil import Distil
from o1exp.thoughts.reformat import Reformat
from o1exp.thoughts.solutions import Solutions
from o1exp.thoughts.verify import Rejection
from o1exp.track.tracking import Tracking
from o1exp.train.bases.gguf import Gguf
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.bases.small import Untrained
from o1exp.train.dpo import Dpo
from o1exp.train.sft import Sft
from o1exp.tti.stage import Audit

GROUPS: dict[str, tuple[type[Settings], ...]] = {
    "source": (Arithmetic, Local, Hub),
    "filter": (Rules,),
    "reformat": (Reformat, Solutions),
    "thought": (Distil, Solutions),
    "verify": (Rejection,),
    "teacher": (Teacher, Procedural, Llama),
    "model": (Untrained, Pretrained, Gguf),
    "mix": (Mix,),
    "sft": (Sft,),
    "draws": (Bench,),
    "pairs": (Pairs,),
    "preference": (Dpo,),
    "engine": (Embedded, Remote),
    "bench": (Bench,),
    "result": (Result,),
    "data_card": (DataCard,),
    "model_card": (ModelCard,),
    "audit": (Audit,),
    "report": (Report,),
    "machine": (Machine,),
    "budget": (Budget,),
    "track": (Tracking,),
}

if __name__ == "__main__":  # make lock
    write_lock(stage_classes(GROUPS.values()))
