"""Where artefacts lie beside the outputs folder, and how processes keep out of each other's way. Never part of a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from o1exp.flow.check import Above, Settings
from o1exp.flow.places import opened
from o1exp.secrets import refusal


@dataclass(frozen=True, kw_only=True)
class Storage(Settings):
    """Stores beside the outputs folder. Keys of an object store come from the environment or a file of the engine, never from here."""

    url: str = ""
    """Where finished artefacts are published, found, and made by one machine at a time: a folder, or s3://BUCKET/PREFIX; "": nowhere."""
    readonly: tuple[str, ...] = ()
    """Stores and outputs folders of others, which are only read, in this order."""
    locks: Literal["flock", "heartbeat"] = "flock"
    """How processes share the outputs folder: by locks of its file system, or by heartbeats where it has none that reach other machines."""
    patience: Annotated[float, Above(0)] = 60.0
    """Seconds of silence after which a holder that shows heartbeats counts as dead; a store at `url` always goes by heartbeats."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        for name, urls in (("url", (self.url,)), ("readonly", self.readonly)):
            if why := next(filter(None, map(refusal, urls)), None):
                yield name, f"{why}; put keys where the engine looks for them, e.g. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            elif wrong := next(filter(None, map(_closed, urls)), None):
                yield name, wrong
        if self.url and self.url in self.readonly:
            yield "readonly", f"names {self.url}, which is `url` already; leave it out here"


def _closed(url: str) -> str:
    """Why no file system can be had for this address, "" where one can; nothing is connected."""
    try:
        if url:
            opened(url)
    except ValueError as wrong:
        return str(wrong)
    return ""


@dataclass(frozen=True, kw_only=True)
class Shared(Storage):
    """A store that several machines publish in."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if not self.url:
            yield (
                "url",
                "is required: a folder that the machines see, or a bucket, e.g. store.url=/team/o1exp or store.url=s3://BUCKET/o1exp",
            )
