"""Models before and after training: a pretrained or untrained start, and supervised fine-tuning."""

from o1exp.train.pretrained import Pretrained
from o1exp.train.sft import Sft
from o1exp.train.small import Untrained

__all__ = ["Pretrained", "Sft", "Untrained"]
