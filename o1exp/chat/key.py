"""The key of an endpoint: read from its environment variable, looked at before anything is sent, and shown nowhere."""

import os

from o1exp.secrets import hide


def read_key(variable: str) -> str:
    """The key without white space around it, "" where the variable is not set. From now on it is shown nowhere."""
    whole = os.environ.get(variable, "")
    for part in (whole, *whole.splitlines()):
        hide(part.strip())
    return whole.strip()


def unfit_key(variable: str) -> str:
    """Why what the variable holds can be no key, "" for nothing. The key is no part of the sentence."""
    key = read_key(variable)
    if not (key.isascii() and key.isprintable()):
        what = "a line end or another control character" if key.isascii() else "a character that is not ASCII"
    elif any(character.isspace() for character in key):
        what = "white space"
    else:
        return ""
    return f"the environment variable {variable} holds {what} inside the key, which no server would take; set it to the key alone"
