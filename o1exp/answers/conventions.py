"""What counts as the same answer where mathematics alone does not say."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["strict", "default"]


@dataclass(frozen=True)
class Conventions:
    """`percent_sign_optional`: 45% = 45 (45% = 0.45 always). `units_optional`: units are not compared. `lists_ordered`: "1, 3" differs
    from "3, 1" (points always are ordered, sets never). `decimal_comma`: "3,5" may be read as 3.5. `long_decimals`: an irrational number
    equals its decimal of ten or more significant digits."""

    percent_sign_optional: bool
    units_optional: bool
    lists_ordered: bool
    decimal_comma: bool
    long_decimals: bool


DEFAULT = Conventions(percent_sign_optional=True, units_optional=True, lists_ordered=False, decimal_comma=True, long_decimals=True)
STRICT = Conventions(percent_sign_optional=False, units_optional=False, lists_ordered=True, decimal_comma=False, long_decimals=False)


def conventions(mode: str) -> Conventions:
    """The conventions of that name. Errors: ValueError for another name."""
    named = {"strict": STRICT, "default": DEFAULT}
    if mode not in named:
        raise ValueError(f"no conventions named {mode!r}; give strict or default")
    return named[mode]
