"""python -m tests.zoo: tries every architecture and writes the table of docs/models.md; with NAME ...: prints those rows alone."""

import json
import sys
from dataclasses import asdict

from tests.zoo.models import architectures
from tests.zoo.run import rows
from tests.zoo.table import write


def main(names: list[str]) -> None:
    seen = []
    for row in rows(names or sorted(architectures())):
        print(json.dumps(asdict(row)), flush=True)
        seen.append(row)
    if not names:
        write(seen)


if __name__ == "__main__":
    main(sys.argv[1:])
