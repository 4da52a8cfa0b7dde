"""Encoding examples: prompt and answer as two segments, in batches, against datasets.map over whole dialogues."""

import random
from typing import Any

from o1exp.chat.servers.procedural import Procedural
from o1exp.records import Example
from o1exp.train.bases.small import SPECIALS, TEMPLATE
from o1exp.train.data.encode import ChatEncoder, encode
from tests.speed.measure import Measure, interleaved

ROWS = 1000


def tokenising() -> Measure:
    """Long thoughts with a byte-pair tokenizer of 4,096 tokens that was trained on them; both sides mask the prompt."""
    import os

    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    examples = thoughts(ROWS)
    tokenizer = byte_pairs(examples)
    dialogues = Dataset.from_list([{"prompt": example.prompt, "response": example.response} for example in examples])

    def labelled(row: dict[str, str]) -> dict[str, list[int]]:
        user = [{"role": "user", "content": row["prompt"]}]
        given = tokenizer.apply_chat_template(user, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
        dialogue = [*user, {"role": "assistant", "content": row["response"]}]
        whole = tokenizer.apply_chat_template(dialogue, tokenize=True, return_dict=True)["input_ids"]
        return {"input_ids": whole, "labels": [-100] * len(given) + whole[len(given) :]}

    def ours() -> int:
        return len(encode(examples, ChatEncoder(tokenizer), 100_000, "drop"))

    def theirs() -> int:
        return len(dialogues.map(labelled, load_from_cache_file=False, new_fingerprint=str(random.random())))

    return Measure("encoding examples", "datasets.map, one row at a time", "rows per CPU-s", *interleaved(ours, theirs, 3))


def thoughts(count: int) -> list[Example]:
    """A dozen written-out sums each."""
    luck, teacher = random.Random(0), Procedural()
    made = []
    for number in range(count):
        sums = [tuple(luck.randrange(10, 100) for _ in range(3)) for _ in range(12)]
        made.append(Example(problem=str(number), prompt=str(sums), response="\n".join(teacher.thought(terms, 0) for terms in sums)))
    return made


def byte_pairs(examples: list[Example]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4096, special_tokens=list(SPECIALS), initial_alphabet=letters, show_progress=False)
    made.train_from_iterator((example.response for example in examples[:200]), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=SPECIALS[2], pad_token=SPECIALS[0], chat_template=TEMPLATE)
