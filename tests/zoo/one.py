"""The process of one architecture: python -m tests.zoo.one FOLDER NAME [FIELD=VALUE ...] leaves `row.json` in the folder."""

import json
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from o1exp.flow.process import die_with_parent
from tests.zoo.models import words


def main(folder: Path, name: str, changes: dict[str, Any]) -> NoReturn:
    import torch
    from transformers import AutoTokenizer, logging

    from tests.zoo.row import examine, with_changes

    torch.set_num_threads(1)
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    # In this process alone: some architectures bring a class of tokenizer that reads no other's files.
    AutoTokenizer.from_pretrained = staticmethod(lambda *given, **asked: words())
    row = with_changes(name, folder, changes) if changes else examine(name, folder)
    partial = folder / "row.part"
    partial.write_text(json.dumps(asdict(row)))
    partial.rename(folder / "row.json")
    os._exit(0)


def value_of(text: str) -> Any:
    """A setting's value: JSON where it is some, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    die_with_parent()
    pairs = (word.split("=", 1) for word in sys.argv[3:])
    main(Path(sys.argv[1]), sys.argv[2], {field: value_of(text) for field, text in pairs})
