"""transformers, loaded by one thread at a time: stages are made in threads, and a second importer would find its modules half made."""

from threading import Lock
from typing import Any

_ALONE = Lock()


def transformers(part: str) -> Any:
    """A class of the library; code that runs in the threads of the main process takes it from here."""
    with _ALONE:
        import transformers as library

        return getattr(library, part)
