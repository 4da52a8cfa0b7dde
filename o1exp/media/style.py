"""One look for all pages: type, colours, tables, and how a room's templates are filled."""

from colorsys import hls_to_rgb
from pathlib import Path
from typing import TYPE_CHECKING

from o1exp.media.text import straight

if TYPE_CHECKING:
    from jinja2 import Environment

INK, SOFT, GRID = "#1d2127", "#5c6570", "#e4e4e4"
COLOURS = ("#0b6e99", "#c2571a", "#3d7a3a", "#8a4f9e", "#b0892c", "#b23a48", "#4a5d8f", "#6b705c")
"""Dark enough for text on white; told apart by readers with red-green blindness in this order."""
TURN = 0.381966
"""Of the colour circle, the golden angle: however many hues follow each other, none comes near another early."""


def colour(place: int) -> str:
    """The colour of the n-th thing, from 0; beyond those chosen by eye each has a hue of its own."""
    if place < len(COLOURS):
        return COLOURS[place]
    beyond = place - len(COLOURS)
    red, green, blue = hls_to_rgb((0.05 + TURN * beyond) % 1, (0.32, 0.45)[beyond % 2], 0.55)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def base_css() -> str:
    """The style sheet that every page begins with."""
    return (Path(__file__).parent / "base.css").read_text(encoding="utf-8")


def templates(folder: Path, autoescape: bool = True) -> "Environment":
    """A room's templates; a name that nobody filled is an error. `base_css` is known in all of them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: straight(value) if type(value) is str else value,
    )  # fmt: skip
    environment.globals["base_css"] = Markup(base_css())
    return environment
