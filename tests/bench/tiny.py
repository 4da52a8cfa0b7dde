"""A real Qwen2 of some ten thousand weights with bytes as tokens, for tests that generate."""

from dataclasses import dataclass
from pathlib import Path

from o1exp.flow import Checkpoint, Stage, Work
from o1exp.records import Problem, Table

SPECIALS = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content + ' ' }}{% else %}<|user|>{{ m.content }}{% endif %}"
    "{% endfor %}<|assistant|>"
)


MERGES = [("<", "/"), ("t", "h"), ("th", "i"), ("thi", "n"), ("thin", "k"), (">", "\u010a"), (">\u010a", "\u010a")]
"""Make `</think>` and two newlines the tokens `</`, `think` and `>` with both newlines."""


def save_tiny(
    folder: Path, positions: int = 512, template: bool | str = True, seed: int = 0, merges: bool = False, special: tuple[str, ...] = ()
) -> Path:  # fmt: skip
    """Write model and tokenizer as transformers saves them; `special`: tokens beside the usual ones."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

    joined = MERGES if merges else []
    vocabulary = {
        token: number
        for number, token in enumerate(
            (*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in joined), *special)
        )
    }
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary, merges=joined, unk_token="<|pad|>", pad_token="<|pad|>", eos_token="<|end|>",
        additional_special_tokens=[*SPECIALS[2:], *special], chat_template=TEMPLATE if template is True else template or None,
    )  # fmt: skip
    config = Qwen2Config(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=positions, tie_word_embeddings=False, initializer_range=0.5, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass(frozen=True, kw_only=True)
class Tiny(Stage[Checkpoint]):
    """The tiny model as a stage."""

    positions: int = 512

    def make(self, work: Work) -> None:
        save_tiny(work.folder / "model", self.positions)


@dataclass(frozen=True, kw_only=True)
class Sums(Stage[Table[Problem]]):
    """A few problems; `twice` repeats the first id."""

    count: int = 6
    twice: bool = False

    def make(self, work: Work) -> None:
        rows = [Problem(id=f"sum-{i}", question=f"{i}+{i * i}=?", answer=str(i + i * i)) for i in range(self.count)]
        work.write(Problem, [*rows, rows[0]] if self.twice else rows)
