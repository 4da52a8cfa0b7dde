"""How an attempt's answer is none, if it is none: the texts that the rules of `records/manner.py` are asked about."""

from o1exp.answers.thought import parted
from o1exp.bench.finish import CUT
from o1exp.records import Attempt, Problem
from o1exp.records.manner import Manner, manner


def manner_of(attempt: Attempt, problem: Problem) -> Manner:
    """Of what stands behind the thought; where the tokens ran out, of all that was written."""
    return manner(problem.question, parted(attempt.text).answer, attempt.text if attempt.finish_reason in CUT else "")
