"""MLflow's UI over the outputs folder, opened on the saved view of the latest study."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from contextlib import suppress
from pathlib import Path

from o1exp.track.place import DATABASE
from o1exp.track.study import view_urls
from o1exp.track.tracking import Tracking

START_SECONDS = 120
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven more processes for jobs we never start
}


def serve(outputs: Path, port: int) -> int:
    """Run the UI on 127.0.0.1 until Ctrl-C. Errors: ValueError where nothing was logged or the server does not start."""
    database = outputs.resolve() / DATABASE
    if not database.exists():
        raise ValueError(f"nothing was logged yet: {database} does not exist; run o1exp first, or give --outputs")
    urls = view_urls(Tracking(), outputs, port)
    log = outputs.resolve() / "mlflow.log"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    with log.open("w", encoding="utf-8") as out:
        server = subprocess.Popen(command, env={**os.environ, **SETTINGS}, stdout=out, stderr=out, start_new_session=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _wait(server, port, log)
        for study, url in urls.items():
            print(f"{study}: {url}", flush=True)
        if sys.stdout.isatty() and urls:
            webbrowser.open(next(iter(urls.values())))
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)  # it has workers of its own
        server.wait()
    return 0


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(START_SECONDS * 5):
        if server.poll() is not None:
            raise ValueError(f"the MLflow server ended at once; if port {port} is in use give another one with --port; its log: {log}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise ValueError(f"the MLflow server did not answer on port {port} within {START_SECONDS} s")
