"""Chat templates in the shapes that practitioners meet, in our own words, each with a small tokenizer of the kind that belongs to it."""

from dataclasses import dataclass
from typing import Any

TURNS = (
    "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}<|im_start|>system\n" + "{{ default }}" + "<|im_end|>\n{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN25 = TURNS.replace("{{ default }}", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
SMOLLM2 = TURNS.replace("{{ default }}", "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
QWEN3 = (
    "{% for m in messages %}{% set text = m['content'] %}{% if m['role'] != 'assistant' %}"
    "<|im_start|>{{ m['role'] }}\n{{ text }}<|im_end|>\n{% else %}{% set thought = '' %}{% if '</think>' in text %}"
    "{% set thought = text.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}<|im_start|>assistant\n"
    "{% if loop.last or thought %}<think>\n{{ thought.strip('\n') }}\n</think>\n\n{{ text.lstrip('\n') }}{% else %}{{ text }}{% endif %}"
    "<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
QWQ = (
    "{% for m in messages %}{% set text = m['content'] %}{% if m['role'] == 'assistant' %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}<|im_start|>{{ m['role'] }}\n{{ text }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% elif m['role'] == 'user' %}"
    "{{ '<\uff5cUser\uff5c>' + m['content'] }}{% else %}{% set text = m['content'] %}"
    "{% if '</think>' in text %}{% set text = text.split('</think>')[-1] %}{% endif %}"
    "{{ '<\uff5cAssistant\uff5c>' + text + '<\uff5cend▁of▁sentence\uff5c>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<\uff5cAssistant\uff5c><think>\\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% if strftime_now is defined %}{% set day = strftime_now('%d %b %Y') %}{% else %}"
    "{% set day = '26 Jul 2024' %}{% endif %}"
    "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: {{ day }}\n\n"
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] | trim }}{% set messages = messages[1:] %}{% endif %}<|eot_id|>"
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GEMMA3 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set first = '' %}{% endif %}{% for m in messages %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ first if loop.first else '' }}"
    "{% if m['content'] is string %}{{ m['content'] | trim }}{% else %}{% for part in m['content'] %}{{ part['text'] | trim }}{% endfor %}"
    "{% endif %}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL1 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token + ' ' }}{% else %}{{ raise_exception('Only user and assistant!') }}"
    "{% endif %}{% endfor %}"
)
MISTRAL3 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + '[/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] | trim + eos_token }}{% endif %}{% endfor %}"
)
PHI3 = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
CHANNELS = (
    "{% for m in messages %}<|start|>{{ m['role'] }}{% if m['role'] == 'assistant' %}<|channel|>final{% endif %}<|message|>"
    "{{ m['content'] }}{{ '<|return|>' if loop.last and m['role'] == 'assistant' else '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
PARTS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for part in m['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """A template with its tokenizer: added tokens by their names, flagged special or not, `space`: SentencePiece's, not bytes.

    `strips` are tokens that swallow the spaces behind them, `before` is what the template writes before an answer.
    """

    template: Any
    special: tuple[str, ...]
    eos: str
    ordinary: tuple[str, ...] = ()
    bos: str | None = None
    ends: tuple[str, ...] = ()
    space: str = ""
    strips: tuple[str, ...] = ()
    before: str = ""

    def tokenizer(self) -> Any:
        return self.made(self.template)

    def made(self, template: Any) -> Any:
        from tokenizers import AddedToken
        from transformers import PreTrainedTokenizerFast

        backend = spaced(self.space) if self.space else bytewise()
        backend.add_special_tokens([AddedToken(token, special=True, rstrip=token in self.strips) for token in self.special])
        backend.add_tokens([AddedToken(token, special=False, normalized=False) for token in self.ordinary])
        made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=self.eos, bos_token=self.bos)
        made.chat_template = template
        return made

    def end_ids(self, tokenizer: Any) -> list[int]:
        return [tokenizer.convert_tokens_to_ids(end) for end in self.ends]


def bytewise() -> Any:
    """Bytes and a few merges, cut like Qwen's and Llama 3's."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("I", "t"), ("Ġ", "i"), ("Ġi", "s"), ("Ċ", "Ċ"), ("t", "h"), ("<", "|")]
    vocabulary = {piece: at for at, piece in enumerate([*alphabet, *(a + b for a, b in merges)])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    cut = r"\s?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(cut), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    made.decoder = decoders.ByteLevel()
    return made


def spaced(scheme: str, bytes_too: bool = True, letters: str = "") -> Any:
    """SentencePiece's way: a space is a letter, texts begin with one (`scheme`: first, always, never, prepend), other letters are bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(33, 127)), *letters]
    merges = [("▁", "I"), ("▁I", "t"), ("I", "t"), ("▁", "i"), ("▁i", "s"), ("]", "I")]
    vocabulary = {piece: at for at, piece in enumerate([*pieces, *(a + b for a, b in merges)])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=bytes_too, fuse_unk=True))
    if scheme == "prepend":
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return made


IM = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINK = ("<think>", "</think>")
R1_BOS, R1_EOS = "<\uff5cbegin▁of▁sentence\uff5c>", "<\uff5cend▁of▁sentence\uff5c>"
HEADERS = ("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>")
GEMMA = ("<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
PHI = ("<|endoftext|>", "<|assistant|>", "<|user|>", "<|end|>")
HARMONY = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>")
SHAPES = {
    "Qwen2.5": Shape(QWEN25, IM, "<|im_end|>"),
    "Qwen3": Shape(QWEN3, IM, "<|im_end|>", ordinary=THINK),
    "QwQ": Shape(QWQ, IM, "<|im_end|>", ordinary=THINK),
    "R1-distill, Qwen": Shape(R1, (R1_EOS, R1_BOS), R1_EOS, bos=R1_BOS, ordinary=("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", *THINK)),
    "R1-distill, Llama": Shape(R1, (R1_BOS, R1_EOS, "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"), R1_EOS, bos=R1_BOS, ordinary=THINK),
    "Llama 3": Shape(LLAMA3, HEADERS, "<|eot_id|>", bos="<|begin_of_text|>"),
    "Gemma 2": Shape(GEMMA2, GEMMA, "<eos>", bos="<bos>", ends=("<end_of_turn>",), space="never"),
    "Gemma 3": Shape(GEMMA3, GEMMA, "<eos>", bos="<bos>", ends=("<end_of_turn>",), space="never"),
    "Mistral 0.1": Shape(MISTRAL1, ("<unk>", "<s>", "</s>"), "</s>", bos="<s>", space="prepend"),
    "Mistral 0.1, new": Shape(MISTRAL1, ("<unk>", "<s>", "</s>"), "</s>", bos="<s>", space="first"),
    "Mistral 0.3": Shape(MISTRAL3, ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"), "</s>", bos="<s>", space="first", before=" "),
    "gpt-oss": Shape(CHANNELS, HARMONY, "<|return|>", before="<|channel|>final<|message|>"),
    "Phi-3": Shape(PHI3, PHI, "<|endoftext|>", ends=("<|end|>",), space="first", strips=PHI[1:]),
    "SmolLM2": Shape(SMOLLM2, IM, "<|im_end|>"),
    "contents in parts": Shape(PARTS, IM, "<|im_end|>"),
}
