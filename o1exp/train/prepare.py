"""The examples of a training as token ids in scratch, encoded once and shared by all ranks and lives of the run."""

import time
from pathlib import Path
from typing import Any

from o1exp.flow.table import Table
from o1exp.records import Example
from o1exp.train.encode import ChatEncoder, Encoded, encode
from o1exp.train.spec import TrainSpec


def load_tokenizer(spec: TrainSpec) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(spec.start, revision=spec.revision or None)


def encoded(spec: TrainSpec, tokenizer: Any, rank: int) -> Encoded:
    """Rank 0 encodes; the others, and a resumed run, read its file."""
    path = Path(spec.scratch) / "encoded.npz"
    if rank == 0 and not path.exists():
        rows = Table.read(Path(spec.data), Example)
        encode(rows, ChatEncoder(tokenizer, end_tokens(spec)), spec.max_length, spec.overlong).save(path)
    while not path.exists():
        time.sleep(0.2)  # if rank 0 fails, the launcher ends this rank too
    return Encoded.load(path)


def end_tokens(spec: TrainSpec) -> list[int]:
    """The token ids at which generation stops, by the model's generation config."""
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(spec.start, revision=spec.revision or None).eos_token_id
    except OSError:
        return []
    return found if isinstance(found, list) else [] if found is None else [found]
