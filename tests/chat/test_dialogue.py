"""Training text and generation prompt meet without a gap, whatever the template does; or a sentence says what would help."""

from datetime import datetime
from typing import Any

import pytest

from o1exp.chat.dialogue import Dialogue
from o1exp.chat.templates import DAY, chosen, mistake_in, settled, template_text
from tests.chat.shapes import GEMMA2, IM, LLAMA3, QWEN25, R1, SHAPES, THINK, Shape

QUESTION = "What is 1 + 2?"
THOUGHT = "<think>\nIt is 1 + 1 + 1.\n</think>\n\nIt is 3."
OPENS = ("QwQ", "R1-distill, Qwen", "R1-distill, Llama")


@pytest.fixture(scope="module")
def dialogues() -> dict[str, Dialogue]:
    made = {name: (shape, shape.tokenizer()) for name, shape in SHAPES.items()}
    return {name: Dialogue(tokenizer, shape.end_ids(tokenizer)) for name, (shape, tokenizer) in made.items()}


def ids(dialogue: Dialogue, response: str, question: str = QUESTION) -> tuple[list[int], list[int]]:
    return next(dialogue.ids([dialogue.prompt_text(question)], [dialogue.answer_text(response)]))


def spelt(tokenizer: Any, numbers: list[int]) -> str:
    return str(tokenizer.decode(numbers, clean_up_tokenization_spaces=False))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("response", ["It is 3.", THOUGHT])
def test_prompt_and_answer_meet_without_a_gap(dialogues: dict[str, Dialogue], name: str, response: str) -> None:
    dialogue, shape = dialogues[name], SHAPES[name]
    tokenizer, end = dialogue.tokenizer, (shape.ends or (shape.eos,))[0]
    asked = dialogue.prompt_text(QUESTION)
    if name in OPENS and response != THOUGHT:
        with pytest.raises(
            ValueError, match=r"opens a thought \('<think>\\n'\) that the response neither begins nor ends.*chat_template=plain"
        ):
            dialogue.answer_text(response)
        return
    prompt, answer = ids(dialogue, response)
    assert tuple(prompt) == dialogue.prompt(QUESTION)  # what sampling continues
    # The text is the prompt's, then the response as it is, then one end token.
    whole = asked.removesuffix("<think>\n") + shape.before + response + end
    assert spelt(tokenizer, prompt + answer) == squeezed(shape, whole)
    assert tokenizer.convert_tokens_to_ids(end) == answer[-1]
    assert not {tokenizer.convert_tokens_to_ids(token) for token in (shape.eos, *shape.ends)} & set(answer[:-1])
    # Marks of thoughts that are tokens are the tokens that the model writes.
    marks = [token for token in THINK if token in shape.ordinary]
    opened = name in OPENS
    assert [answer.count(tokenizer.convert_tokens_to_ids(mark)) for mark in marks] == ([1 - opened, 1] if marks and response == THOUGHT else
                                                                                    [0] * len(marks))  # fmt: skip


def squeezed(shape: Shape, text: str) -> str:
    """Some tokens swallow the spaces behind them; one tokenizer begins every text with a space, also behind a token."""
    for token in shape.strips:
        text = text.replace(token + "\n", token)
    return text.replace("<s>", "<s> ") if shape.space == "prepend" else text


@pytest.mark.parametrize("name", SHAPES)
def test_the_prompt_is_what_transformers_makes_of_it(dialogues: dict[str, Dialogue], name: str) -> None:
    dialogue, question = dialogues[name], {"role": "user", "content": QUESTION}
    if name == "contents in parts":
        question = {"role": "user", "content": [{"type": "text", "text": QUESTION}]}  # type: ignore[dict-item]
    settings: dict[str, Any] = {"chat_template": dialogue.template, "add_generation_prompt": True}
    assert dialogue.prompt_text(QUESTION) == dialogue.tokenizer.apply_chat_template([question], tokenize=False, **settings)
    assert list(dialogue.prompt(QUESTION)) == dialogue.tokenizer.apply_chat_template([question], **settings)["input_ids"]


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in (*OPENS, "Qwen3", "Phi-3", "contents in parts")])
def test_the_answer_is_what_the_template_makes_of_a_finished_dialogue(dialogues: dict[str, Dialogue], name: str) -> None:
    dialogue = dialogues[name]
    talk = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "It is 3."}]
    whole = dialogue.tokenizer.apply_chat_template(talk, chat_template=dialogue.template)["input_ids"]
    prompt, answer = ids(dialogue, "It is 3.")
    assert whole[: len(prompt) + len(answer)] == prompt + answer


def test_a_piece_over_the_border_is_none_since_the_model_sees_the_prompt_alone(dialogues: dict[str, Dialogue]) -> None:
    """SentencePiece would join the prompt's "]" with the answer's "I", and begins an answer that is read alone with a space."""
    for name in ("Mistral 0.1", "Mistral 0.1, new"):
        dialogue = dialogues[name]
        joined = dialogue.tokenizer(dialogue.prompt_text(QUESTION) + "I see.", add_special_tokens=False)["input_ids"]
        prompt, answer = ids(dialogue, "I see.")
        assert joined[: len(prompt)] != prompt == list(dialogue.prompt(QUESTION))
        assert spelt(dialogue.tokenizer, prompt + answer).endswith("[/INST]I see.</s>")


def test_a_thought_is_written_as_the_template_that_keeps_it_would(dialogues: dict[str, Dialogue]) -> None:
    dialogue = dialogues["Qwen3"]
    talk = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": THOUGHT}]
    whole = dialogue.tokenizer.apply_chat_template(talk)["input_ids"]
    prompt, answer = ids(dialogue, THOUGHT)
    assert whole[: len(prompt) + len(answer)] == prompt + answer
    assert "<think>" not in spelt(dialogue.tokenizer, ids(dialogue, "It is 3.")[1])  # none is put where the data have none


def test_a_thought_that_the_prompt_opens_is_begun_once(dialogues: dict[str, Dialogue]) -> None:
    for name in OPENS:
        for response in (THOUGHT, THOUGHT.removeprefix("<think>\n"), THOUGHT.replace("<think>\n", "\n<think>")):
            prompt, answer = ids(dialogues[name], response)
            text = spelt(dialogues[name].tokenizer, prompt + answer)
            assert text.count("<think>") == 1
            assert "<think>\nIt is 1 + 1 + 1.\n</think>\n\nIt is 3." in text


def test_the_day_is_the_same_on_every_day() -> None:
    assert "Today Date: 26 Jul 2024\n" in Dialogue(SHAPES["Llama 3"].tokenizer()).prompt_text(QUESTION)
    assert datetime.now().strftime("%d %b %Y") not in settled(LLAMA3)
    assert (
        settled("{{ strftime_now(\"%Y-%m-%d\") }}{{ strftime_now( '%B %d, %Y' ) }}")
        == f"{{{{ \"{DAY:%Y-%m-%d}\" }}}}{{{{ '{DAY:%B %d, %Y}' }}}}"
    )
    with pytest.raises(ValueError, match=r"writes the day of the run in a way that cannot be settled.*choose chat_template=plain"):
        settled("{{ strftime_now(form) }}")


def test_a_system_prompt_that_a_template_refuses_or_drops_is_a_sentence() -> None:
    for shape, word in ((SHAPES["Gemma 2"], "refuses"), (SHAPES["Mistral 0.1"], "refuses"), (SHAPES["Mistral 0.3"], "leaves out")):
        dialogue = Dialogue(shape.tokenizer(), shape.end_ids(shape.tokenizer()))
        with pytest.raises(
            ValueError, match=rf"the chat template {word} a system prompt; set system=\"\" and write its words before \{{question\}}"
        ):
            dialogue.prompt_text(QUESTION, system="Be brief.")
        assert "Be brief." in dialogue.prompt_text("Be brief. " + QUESTION)  # the setting that helps
    assert "Be brief." in Dialogue(SHAPES["Gemma 3"].tokenizer()).prompt_text(QUESTION, system="Be brief.")


def plain_text(shape: Shape, response: str) -> str:
    tokenizer = shape.made(chosen(shape.template, "plain"))
    prompt, answer = ids(Dialogue(tokenizer), response)
    return spelt(tokenizer, prompt + answer)


REFUSED: dict[str, tuple[Any, str]] = {
    "a syntax error": ("{% for m in messages %}{{ m['content'] }", r"the chat template is no Jinja \(line 1: .*choose chat_template=plain"),
    "a failing template": ("{{ messages[7]['content'] + 1 }}", r"the chat template fails: .*choose chat_template=plain"),
    "no question": ("{{ bos_token }}", "does not write the question.*choose chat_template=plain"),
    "no answer": ("{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}",
                  "does not write the assistant's answer.*choose chat_template=plain"),
    "closed with nothing": ("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}",
                            r"closes the answer with none of the end tokens \['<\|endoftext\|>'\]: .*chat_template=plain"),
    "none": (None, "the tokenizer has no chat template; .*choose one: chat_template=plain"),
    "a set without default": ({"rag": QWEN25, "tool_use": QWEN25}, "names rag, tool_use and no default; .* chat_template=rag"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_names_the_setting_that_helps_and_it_helps(name: str) -> None:
    template, says = REFUSED[name]
    shape = Shape(template, IM, "<|endoftext|>")
    with pytest.raises(ValueError, match=says):
        Dialogue(shape.tokenizer()).form  # noqa: B018
    assert plain_text(shape, "It is 3.") == f"User: {QUESTION}\n\nAssistant: It is 3.<|endoftext|>"
    if isinstance(template, dict):
        assert Dialogue(shape.made(chosen(template, "rag")), [258]).prompt_text(QUESTION).startswith("<|im_start|>system\nYou are Qwen")


def test_an_end_token_of_another_name_is_named_and_helps() -> None:
    shape = Shape(QWEN25, IM, "<|endoftext|>")
    with pytest.raises(
        ValueError, match=r"closes the answer with none of the end tokens.*name the one that it writes there: eos_token=<\|im_end\|>"
    ):
        Dialogue(shape.tokenizer()).form  # noqa: B018
    tokenizer = Shape(QWEN25, IM, "<|im_end|>").tokenizer()
    assert Dialogue(tokenizer, [-1, 10**6]).form.after == "<|im_end|>"  # ids that name nothing end nothing


def test_thoughts_that_a_template_would_drop_and_answers_without_any_are_helped_by_ours() -> None:
    for name in OPENS:
        end = SHAPES[name].eos
        assert plain_text(SHAPES[name], "It is 3.").endswith(f"\n\nAssistant: It is 3.{end}")
        assert plain_text(SHAPES[name], THOUGHT).endswith(f"\n\nAssistant: {THOUGHT}{end}")
    qwq = SHAPES["QwQ"].made(chosen(SHAPES["QwQ"].template, "chatml"))
    prompt, answer = ids(Dialogue(qwq), "It is 3.")
    assert spelt(qwq, prompt + answer) == f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\nIt is 3.<|im_end|>"


def test_templates_are_chosen_by_name_file_or_text(tmp_path: Any) -> None:
    own = {"default": GEMMA2, "tool_use": R1}
    assert (chosen(own, ""), chosen(own, "tool_use"), chosen(GEMMA2, QWEN25)) == (GEMMA2, R1, QWEN25)
    with pytest.raises(
        ValueError, match=r"chat_template=chattml: there is no such template; the tokenizer's are default, tool_use; choose one of ours"
    ):
        chosen(own, "chattml")
    (tmp_path / "mine.jinja").write_text(QWEN25)
    assert template_text(str(tmp_path / "mine.jinja")) == QWEN25
    assert mistake_in(QWEN25) == mistake_in("plain") == mistake_in("") == ""
    assert mistake_in("{% generation %}{% for a in b %}{% break %}{% endfor %}{% endgeneration %}") == ""
    assert mistake_in("{% for %}").startswith("is no Jinja template (line 1: ")
    assert mistake_in("nowhere/mine.jinja").startswith("there is no such file (looked from ")
