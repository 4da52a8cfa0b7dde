"""A real browser, driven over a pipe: Chromium without a window, for tests of pages."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AT_3_AND_4 = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
"""The protocol wants its pipe at these file descriptors."""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def program() -> str | None:
    """The browser of this machine; None where it has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of one browser. Commands are those of the DevTools protocol, as JSON between zero bytes."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._rest, self._last = to, back, b"", 0
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def open(self, page: Path, width: int = 1280, script: bool = True) -> None:
        """Load a file, in a window so many pixels wide, with or without its scripts."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self._ask("Emulation.setScriptExecutionDisabled", value=not script)
        self._ask("Page.navigate", url=page.resolve().as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:
        """What an expression comes to in the page; also where its own scripts are off."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def media(self, medium: str, width: int = 0) -> None:
        """As if printed ("print"), on paper so many pixels wide, without the bars that scroll."""
        self._ask("Emulation.setEmulatedMedia", media=medium)
        if width:
            self._ask("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=True)

    def prefers(self, scheme: str) -> None:
        """As a reader who likes pages "light" or "dark"."""
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, file: Path) -> None:
        file.write_bytes(b64decode(self._ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def pdf(self, file: Path, width: float, height: float) -> None:
        """Print on paper of so many inches."""
        file.write_bytes(b64decode(self._ask("Page.printToPDF", paperWidth=width, paperHeight=height)["data"]))

    def _ask(self, method: str, **given: Any) -> dict[str, Any]:
        self._last += 1
        asked = {"id": self._last, "method": method, "params": given} | ({"sessionId": self._session} if self._session else {})
        os.write(self._to, json.dumps(asked).encode() + b"\0")
        while (said := self._read()).get("id") != self._last:
            pass
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._back, 1 << 16)
            assert more, "the browser is gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that keeps its files in this folder and ends with the block."""
    name = program()
    assert name is not None
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, back_write)]
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-pipe",
        f"--user-data-dir={folder}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", AT_3_AND_4, *map(str, high), name, *flags], pass_fds=high, stderr=log)
    for end in (to_read, back_write, *high):
        os.close(end)
    try:
        yield Browser(to_write, back_read)
    finally:
        process.terminate()
        process.wait()
        os.close(to_write)
        os.close(back_read)
