"""A model is served for as long as a block is open, by as many servers as asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from o1exp.chat.servers.front import Front
from o1exp.chat.servers.pool import Pool
from o1exp.chat.servers.replica import Launch
from o1exp.chat.servers.tokens import TokenCheck
from o1exp.flow import Checkpoint, StageFailed, Work

FOLDER = "servers"
"""Below the outputs folder: the logs of all servers."""


@contextmanager
def served(launches: Sequence[Launch], checkpoint: Checkpoint | None, work: Work) -> Iterator[str]:
    """The one base_url of all these servers, which end with the block. Errors: StageFailed where they do not start, or crash again."""
    check = TokenCheck(checkpoint)
    with Pool(launches, work) as pool, Front(pool, check) as front:
        try:
            yield front.base_url
        except StageFailed as failed:
            raise pool.failure or failed from None
        finally:
            check.tell(launches[0].title, work)
    if pool.failure is not None:  # the client has been told in its own words
        raise pool.failure


def log_file(work: Work, number: int) -> Path:
    """Where the server of that number keeps its log; it outlives the stage, and the runs after one another add to it."""
    log = work.shared(FOLDER) / f"{work.stage.kind}-{work.stage.key}-{number}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log
