"""One address of a model: who that is in sentences, the key it gets, and which of its words may be shown."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from o1exp.chat.endpoint import OPENAI, is_loopback
from o1exp.chat.failure import proxy
from o1exp.chat.key import read_key, unfit_key
from o1exp.chat.reply import mended
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed
from o1exp.secrets import MASK, SHORTEST, masked

LONGEST_WORDS = 500
"""Characters of a server's words that are shown or recorded."""


@dataclass(frozen=True)
class Address:
    """Where a teacher is asked. `proxy` is the environment variable of the proxy on the way, "" for none."""

    teacher: Teacher
    base_url: str
    key: str
    proxy: str

    @property
    def who(self) -> str:
        return f"{self.teacher.model} at {self.base_url}"

    @property
    def is_openai(self) -> bool:
        return urlsplit(self.base_url).hostname == urlsplit(OPENAI).hostname

    @property
    def told(self) -> str:
        """The address as answers remember it; "" for a server that was started for them."""
        return self.base_url if self.teacher.base_url or not is_loopback(self.base_url) else ""

    def clean(self, text: str) -> str:
        """A server's words without the key, which some servers repeat."""
        return mended(masked(text.replace(self.key, MASK) if self.key else text))[0][:LONGEST_WORDS]

    def without_key(self, said: Any) -> Any:
        """What a server writes is kept as it is, but not the key, should it repeat that; looked for behind all escapes of JSON."""
        if len(self.key) < SHORTEST:
            return said
        if isinstance(said, str):
            return said.replace(self.key, MASK)
        if isinstance(said, list):
            return [self.without_key(part) for part in said]
        return {name: self.without_key(part) for name, part in said.items()} if isinstance(said, dict) else said


def found(teacher: Teacher, base_url: str) -> Address:
    """The address with the key out of its environment variable. Errors: StageFailed where that is none, or is missing."""
    through = "" if is_loopback(base_url) else proxy(base_url)
    if not teacher.base_url and is_loopback(base_url):
        return Address(teacher, base_url, "", through)  # a server that the teacher started itself asks for none
    if why := unfit_key(teacher.api_key_env):
        raise StageFailed(why)
    address = Address(teacher, base_url, read_key(teacher.api_key_env), through)
    if not address.key and address.is_openai:
        raise StageFailed(
            f"{address.who} needs a key: set the environment variable {teacher.api_key_env}, or teacher.base_url to another endpoint"
        )
    return address
