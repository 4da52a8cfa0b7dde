"""What a person should see before hours are spent: the first examples with the loss mask, and lengths against the model's window."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.train.facts import PreparedFacts

if TYPE_CHECKING:
    from o1exp.train.data.encode import Encoded

PAGE, EXAMPLES = "preview.html", "preview.json"
SHOWN = 3
WIDTH = 70
BAR = 24
STYLE = "pre { white-space: pre-wrap; border: 1px solid #ccc; padding: 10px } span { color: #777 } mark { background: #fdf0c4 }"


def write_preview(data: "Encoded", tokenizer: Any, folder: Path) -> None:
    """The first documents as the model sees them, `preview.json` and `preview.html`."""
    from o1exp.train.data.encode import ROLES

    shown = []
    for number in range(min(SHOWN, len(data))):
        ids, first = data.document(number).tolist(), int(data.prompts[number])
        given, learned = (tokenizer.decode(part) for part in (ids[:first], ids[first:]))
        where = {"row": int(data.rows[number]), "role": ROLES[data.roles[number]]}
        shown.append({**where, "given": given, "learned": learned, "tokens": [first, len(ids) - first]})
    (folder / EXAMPLES).write_text(json.dumps(shown, ensure_ascii=False, indent=1))
    (folder / PAGE).write_text(page(shown))


def page(shown: list[dict[str, Any]]) -> str:
    """Grey what the model is given, marked what it learns to write."""
    parts = []
    for one in shown:
        given, learned = html.escape(one["given"]), html.escape(one["learned"])
        role = "" if one["role"] == "plain" else f", {one['role']}"
        head = f"row {one['row']}{role}: {one['tokens'][0]:,} tokens given, {one['tokens'][1]:,} learned"
        parts.append(f"<p>{head}</p>\n<pre><span>{given}</span><mark>{learned}</mark></pre>")
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>What is learned</title>\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n"


def lines(folder: Path, facts: PreparedFacts, window: int | None) -> Iterator[str]:
    """The same for a terminal, in rich's markup; `facts` are those of the prepared data, `window` the model's positions."""
    from rich.markup import escape

    fate = f", {facts.lost:,} {'dropped' if facts.dropped else 'cut'} ({facts.tokens_lost:,} tokens lost)" if facts.lost else ""
    fits = f", the model's window {window:,}" if window else ""
    yield f"  {facts.examples:,} examples, longest {facts.length_longest:,} tokens; max_length {facts.max_length:,}{fate}{fits}"
    yield from histogram(facts.length_histogram, facts.max_length, window)
    yield "  learned is what is bold:"
    for one in json.loads((folder / EXAMPLES).read_text()):
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
