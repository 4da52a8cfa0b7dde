"""What a plan says of a template without its tokenizer is what the tokenizer's own dialogue says."""

import pytest

from o1exp.chat.dialogue import Dialogue
from o1exp.chat.rehearsal import refuses_answers, refuses_system
from tests.chat.shapes import GEMMA2, IM, QWEN25, SHAPES, Shape

SYSTEM = "Answer briefly."


def said(dialogue: Dialogue) -> str:
    try:
        dialogue.prompt_text("1 + 1?", SYSTEM)
    except ValueError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("name", SHAPES)
def test_a_system_prompt_is_refused_where_the_dialogue_refuses_it(name: str) -> None:
    shape = SHAPES[name]
    ours, theirs = (text.partition(" (") for text in (refuses_system(shape.template, SYSTEM), said(Dialogue(shape.tokenizer()))))
    assert ours[0] == theirs[0]
    assert ours[2].removesuffix(")") in theirs[2]


@pytest.mark.parametrize("name", SHAPES)
def test_what_trains_is_not_refused(name: str) -> None:
    shape = SHAPES[name]
    named = {"eos_token": shape.eos, "bos_token": shape.bos or ""}
    assert refuses_answers(shape.template, named, (shape.eos, *shape.ends)) == ""


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (QWEN25.replace("{{ m['content'] }}", ""), "fails: it does not write the question; mend it, or choose chat_template=plain"),
        (QWEN25.replace("{{ m['content'] }}", "{{ m['content'] if m['role'] == 'user' }}"), "does not write the assistant's answer; mend"),
        (QWEN25.replace("m['content']", "m['content'] + nothing"), "fails: 'nothing' is undefined; mend it, or choose chat_template=plain"),
        (QWEN25.replace("<|im_end|>", "<|end|>"), r"closes the answer with none of the end tokens ['<|im_end|>'], but with '<|end|>\n'"),
    ],
)
def test_what_cannot_be_trained_is_refused_as_by_the_dialogue(template: str, says: str) -> None:
    found = refuses_answers(template, {"eos_token": "<|im_end|>"}, ("<|im_end|>",))
    assert says in found
    with pytest.raises(ValueError, match="chat template"):
        _ = Dialogue(Shape(template, IM, "<|im_end|>").tokenizer()).form


def test_where_only_the_run_knows_nothing_is_said() -> None:
    assert refuses_system("{{ unheard_of() }}", SYSTEM) == ""
    assert refuses_answers(GEMMA2, {"eos_token": "<eos>"}) == ""  # its generation config names the token that it writes
