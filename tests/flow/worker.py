"""A worker that says what it finds, for the tests of forks: python -m tests.flow.worker WORD ..."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main(words: list[str]) -> None:
    if words[0] == "tell":
        loaded = "tests.flow.stages" in sys.modules
        print(json.dumps({"words": words, "cwd": os.getcwd(), "env": os.environ.get("GREETING"), "pid": os.getpid(), "loaded": loaded}))
        print("to stderr", file=sys.stderr)
        os.write(int(os.environ["EXTRA"]), b"to a file of its own\n")
    elif words[0] == "leave":
        sys.exit(int(words[1]))
    elif words[0] == "fail":
        raise ArithmeticError("cannot count any more")
    elif words[0] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif words[0] == "stay":
        Path(words[1]).write_text(str(os.getpid()))
        time.sleep(600)
    elif words[0] == "count":
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass


if __name__ == "__main__":
    main(sys.argv[1:])
