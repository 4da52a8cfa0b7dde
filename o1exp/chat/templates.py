"""Chat templates: which one is meant, those of our own, and how a template's day is made the same on every day."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

PLAIN = (
    "{% if bos_token and bos_token != eos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] + eos_token + '\n\n' }}"
    "{% else %}{{ message['content'] + '\n\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
OURS = {"plain": PLAIN, "chatml": CHATML}
"""By name. `plain` needs nothing but an end token; `chatml` needs a tokenizer that has <|im_start|> and <|im_end|>."""

QUESTION, ANSWER = "o1exp-question", "o1exp-answer"
"""What a template is tried with."""

Message = dict[str, Any]

DAY = datetime(2024, 7, 26)
"""What templates that write the date are told, Llama's own default: with the day of the run training and sampling would see other bytes."""
_TODAY = re.compile(r"""strftime_now\(\s*(["'])((?:(?!\1).)*)\1\s*\)""")
TAGS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
"""A tag of transformers that Jinja does not know."""


def is_jinja(text: str) -> bool:
    """Is it a template, rather than a name or a path?"""
    return "{{" in text or "{%" in text


def is_path(text: str) -> bool:
    """Is a file meant?"""
    return bool(text) and not is_jinja(text) and ("/" in text or Path(text).suffix in (".jinja", ".jinja2", ".j2", ".txt"))


def template_text(given: str) -> str:
    """What a setting holds: the content of a file that it names, anything else as it is."""
    if not is_path(given) or not Path(given).expanduser().is_file():
        return given
    return Path(given).expanduser().read_text(encoding="utf-8")


def mistake_in(given: str) -> str:
    """Why a setting cannot be a template; "" for none that can be seen without a tokenizer."""
    if is_path(given):
        return f"there is no such file (looked from {Path.cwd()}); give a Jinja file, its text, or one of {', '.join(OURS)}"
    return syntax_error(given) if is_jinja(given) else ""


def syntax_error(template: str) -> str:
    """What Jinja does not understand; "" for a template that it reads."""
    from jinja2 import Environment, TemplateSyntaxError

    try:
        Environment(extensions=["jinja2.ext.loopcontrols"]).parse(TAGS.sub("", template))
    except TemplateSyntaxError as wrong:
        return f"is no Jinja template (line {wrong.lineno}: {wrong.message}); mend it, or choose chat_template=plain"
    return ""


def chosen(own: Any, wanted: str) -> str:
    """The template to use, of a tokenizer with `own` (one, a set by name, or none), its day settled.

    `wanted` is Jinja text, a name of the tokenizer's set, or one of ours; "": the tokenizer's own. Errors: ValueError where there is none.
    """
    named: dict[str, str] = own if isinstance(own, dict) else {}
    if wanted:
        found = wanted if is_jinja(wanted) else named.get(wanted, OURS.get(wanted, ""))
        if not found:
            raise ValueError(
                f"chat_template={wanted}: there is no such template; {_offer(named)}, a Jinja file, or its text"
            )  # fmt: skip
        return settled(found)
    if named and "default" not in named:
        raise ValueError(
            f"the tokenizer has chat templates by the names {', '.join(sorted(named))} and no default; choose one, e.g. "
            f"chat_template={min(named)}"
        )
    found = named.get("default", own)
    if not found:
        raise ValueError(
            "the tokenizer has no chat template; start from an instruction-tuned model, or choose one: chat_template=plain (User: ... "
            "Assistant: ...), chat_template=chatml, a Jinja file, or its text"
        )
    return settled(str(found))


def expected(own: str, wanted: str) -> str:
    """The template of a model that is trained with the setting `wanted` from one with `own`; "" where only its tokenizer knows."""
    found = own if not wanted else wanted if is_jinja(wanted) else OURS.get(wanted, "")
    try:
        return settled(found)
    except ValueError:
        return ""


def settled(template: str) -> str:
    """The template with DAY for the day of the run. Errors: ValueError where it asks for the day in a way that is not known."""
    found = _TODAY.sub(lambda call: call[1] + DAY.strftime(call[2]) + call[1], template)
    if "strftime_now(" in found:
        raise ValueError(
            "the chat template writes the day of the run in a way that cannot be settled, so that training and sampling would see other "
            "texts; write strftime_now with a format between quotes, or choose chat_template=plain"
        )
    return found


def message(role: str, content: str) -> Message:
    """As templates take it."""
    return {"role": role, "content": content}


def user(content: str) -> Message:
    """What is asked."""
    return message("user", content)


def no_system(does: str) -> str:
    """The sentence for a template that refuses a system prompt, or leaves it out."""
    return f'the chat template {does} a system prompt; set system="" and write its words before {{question}} in prompt'


def _offer(named: dict[str, str]) -> str:
    own = f"the tokenizer's are {', '.join(sorted(named))}; " if named else ""
    return f"{own}choose one of ours ({', '.join(OURS)})"
