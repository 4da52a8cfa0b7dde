"""What the runs under way stand on: each says so in `locks/uses/` before it looks at an artefact, so that nothing is removed under it."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from o1exp.flow.holds import Holds

USES = Path("locks") / "uses"
GARBAGE = "garbage"
"""Held by whoever begins a run, for a moment, and by whoever removes garbage."""


@contextmanager
def used(root: Path, holds: Holds, paths: Iterable[str], waiting: Callable[[], None]) -> Iterator[None]:
    """These artefacts ("Stage/key") are used while this is open. A folder that takes no file can be read all the same."""
    name = f"uses-{uuid.uuid4().hex}"
    place = root / USES / f"{name}.json"
    with ExitStack() as held:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(holds.hold(name, waiting))
            with holds.hold(GARBAGE, waiting):
                place.write_text(json.dumps(sorted(paths)), encoding="utf-8")  # nobody reads it half: who does holds GARBAGE
        try:
            yield
        finally:
            with suppress(OSError):
                place.unlink(missing_ok=True)
    with suppress(OSError):
        holds.forget(name)


def in_use(root: Path, holds: Holds) -> set[str]:
    """What living runs use; to be asked by the holder of GARBAGE. Notes of the dead are removed."""
    found: set[str] = set()
    for place in sorted((root / USES).glob("*.json")):
        try:
            paths = json.loads(place.read_text(encoding="utf-8"))
        except FileNotFoundError:  # the run has just ended
            continue
        except ValueError:  # it was killed while it wrote
            paths = []
        if holds.held(place.stem):
            found.update(paths)
        else:
            place.unlink(missing_ok=True)
            holds.forget(place.stem)
    return found
