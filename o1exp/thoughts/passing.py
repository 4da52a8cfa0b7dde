"""Steps of the way that only searches need: what is no search's passes them as if they were not there."""

from typing import Any

from o1exp.flow import Stage
from o1exp.flow.stage import output_type


def makes(stage: Stage[Any], kind: object) -> bool:
    """Does the stage make such a table?"""
    return bool(output_type(type(stage)) == kind)
