"""With O1EXP_REPLAY=1 in the environment no model is asked and no key is needed: answers come from the record alone."""

import os

VARIABLE = "O1EXP_REPLAY"


def replaying() -> bool:
    """Is nothing to be sent to any model by this process and those it starts?"""
    return os.environ.get(VARIABLE, "") not in ("", "0")
