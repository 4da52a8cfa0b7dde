"""What a person should see before hours are spent: the first examples with the loss mask, and lengths against the model's window."""

import html
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.train.facts import PreparedFacts

if TYPE_CHECKING:
    from o1exp.train.data.encode import Encoded

PAGE, EXAMPLES = "preview.html", "preview.json"
SHOWN = 3
WIDTH = 70
BAR = 24
STYLE = (
    "pre { white-space: pre-wrap; border: 1px solid #ccc; padding: 10px } span { color: #777 } mark { background: #fdf0c4 } "
    "b { font-weight: normal; color: #06c; background: #e6effa; border-radius: 3px }"
)
LEGEND = "<p>Grey is given, yellow is learned; <b>blue</b> is one special token, and the same in black is text that looks like one.</p>"


def write_preview(data: "Encoded", tokenizer: Any, folder: Path) -> None:
    """The first documents as the model sees them, `preview.json` and `preview.html`."""
    from o1exp.train.data.encode import ROLES

    shown = []
    for number in range(min(SHOWN, len(data))):
        ids, first = data.document(number).tolist(), int(data.prompts[number])
        parts = {"given": ids[:first], "learned": ids[first:]}
        where = {"row": int(data.rows[number]), "role": ROLES[data.roles[number]]}
        texts = {name: readable(tokenizer.decode(part)) for name, part in parts.items()}
        runs = {name: pieces(tokenizer, part) for name, part in parts.items()}
        shown.append({**where, **texts, "pieces": runs, "tokens": [first, len(ids) - first]})
    (folder / EXAMPLES).write_text(json.dumps(shown, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / PAGE).write_text(page(shown), encoding="utf-8")


def pieces(tokenizer: Any, ids: list[int]) -> list[tuple[str, bool]]:
    """The text of token ids in runs, each with whether it is an added token (a mark of a turn, an end, a thought) or ordinary ones."""
    added = tokenizer.added_tokens_decoder
    runs = [(is_token, list(run)) for is_token, run in groupby(ids, added.__contains__)]
    return [
        (text, is_token)
        for is_token, run in runs
        for text in ([str(added[one].content) for one in run] if is_token else [readable(tokenizer.decode(run))])
    ]


def readable(text: str) -> str:
    """Control characters by their pictures: NUL is shown as the sign U+2400."""
    return "".join(chr(0x2400 + ord(letter)) if ord(letter) < 32 and letter not in "\n\t" else letter for letter in text)


def page(shown: list[dict[str, Any]]) -> str:
    """Grey what the model is given, marked what it learns to write, special tokens apart from text."""
    parts = [LEGEND]
    for one in shown:
        given, learned = (_marked(one["pieces"][part]) for part in ("given", "learned"))
        role = "" if one["role"] == "plain" else f", {one['role']}"
        head = f"row {one['row']}{role}: {one['tokens'][0]:,} tokens given, {one['tokens'][1]:,} learned"
        parts.append(f"<p>{head}</p>\n<pre><span>{given}</span><mark>{learned}</mark></pre>")
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>What is learned</title>\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n"


def _marked(parts: list[tuple[str, bool]]) -> str:
    return "".join(f"<b>{html.escape(text)}</b>" if is_token else html.escape(text) for text, is_token in parts)


def lines(folder: Path, facts: PreparedFacts, window: int | None) -> Iterator[str]:
    """The same for a terminal, in rich's markup; `facts` are those of the prepared data, `window` the model's positions."""
    from rich.markup import escape

    how = "dropped" if facts.dropped else "cut, and so without an end token"
    fate = f", {facts.lost:,} {how} ({facts.tokens_lost:,} tokens lost)" if facts.lost else ""
    fits = f", the model's window {window:,}" if window else ""
    yield f"  {facts.examples:,} examples, longest {facts.length_longest:,} tokens; max_length {facts.max_length:,}{fate}{fits}"
    if facts.unreadable:
        named = ", ".join(map(str, facts.unreadable_rows[:10])) + (" ..." if facts.unreadable > 10 else "")
        yield f"  {facts.unreadable:,} rows are no text (half of a surrogate pair) and left out: {named}"
    if facts.special_tokens:
        counts = ", ".join(f"{escape(token)} {count:,}" for token, count in facts.special_tokens.items())
        yield f"  special tokens in the texts: {counts}"
    yield from histogram(facts.length_histogram, facts.max_length, window)
    yield "  learned is what is bold:"
    for one in json.loads((folder / EXAMPLES).read_text(encoding="utf-8")):
        yield f"  [dim]{escape(_clipped(one['given']))}[/dim][bold]{escape(_clipped(one['learned']))}[/bold]"


def histogram(counts: dict[str, int], cap: int, window: int | None) -> Iterator[str]:
    """A bar for each doubling of the length, and which of them the cap and the window end."""
    most = max(counts.values())
    for edge, count in counts.items():
        low, high = int(edge) // 2, int(edge)
        marks = [f"{what} {limit:,}" for what, limit in (("max_length", cap), ("window", window)) if limit and low < limit <= high]
        bar, here = "█" * round(BAR * count / most), f"  ← {', '.join(marks)}" if marks else ""
        yield f"  {'up to ' + format(high, ','):>16} {bar:<{BAR}} {count:,}{here}"


def _clipped(text: str) -> str:
    """One line, its middle left out where it is long."""
    line = text.replace("\n", "⏎")
    return line if len(line) <= 2 * WIDTH else f"{line[:WIDTH]} … {line[-WIDTH:]}"
