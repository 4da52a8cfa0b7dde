"""What a status other than 200 means: ask again, leave the request out, keep a refusal, or end the run."""

import json
import re
from typing import Any

from o1exp.chat.address import Address
from o1exp.chat.body import remedy
from o1exp.chat.failure import AWAY, CROWDED, LOST, PASSING, UNKNOWN, Again, Unfit, out_of_money, retry_after, wait_told, without_version
from o1exp.chat.refused import refusal, told
from o1exp.chat.wire import Reply
from o1exp.flow import StageFailed

LONGEST_PAGE = 20_000
"""Characters of an error page that are read."""


def refused_words(address: Address, reply: Reply, sent: dict[str, Any]) -> str:
    """The provider's words where its filter will not take the prompt. Errors: Again, Unfit or StageFailed for every other status."""
    status, error, message = reply.status, _error(reply), address.clean(words_of(reply))
    if (empty := out_of_money(error)) or status == 402:
        raise no_money(address, empty or f"402 {message}")
    if words := refusal(status, error):
        return address.clean(words)
    if status in (401, 403):
        env = address.teacher.api_key_env
        state = "holds a key that was not accepted" if address.key else "is not set"
        why = "" if status == 401 else f": {message}"
        raise StageFailed(f"{address.who} refused access ({status}){why}; the environment variable {env} {state}")
    if status == 404:
        raise StageFailed(f"{address.who} refused the request (404): {message}{without_version(address.base_url)}")
    if status < 400:
        raise _elsewhere(address, reply)
    after = retry_after(reply.headers)
    if status in (CROWDED, *AWAY):
        after = wait_told(error) if after is None else after
        raise Again(f"{status} {message}", after=after, crowded=status == CROWDED, timed=True)
    if status in PASSING or status >= 500:
        raise Again(f"{status} {message}", after=after, lost=status in LOST)
    raise Unfit(f"{status} {message}{remedy(address.teacher, sent, error, message) if status in (400, 422) else ''}")


def no_money(address: Address, code: str) -> StageFailed:
    """The account is empty, says the server with this code or in these words."""
    return StageFailed(
        f"{address.who} says {address.clean(code)}: the account behind the environment variable {address.teacher.api_key_env} has no "
        "money left. What was paid for is kept; top it up and run the same command again"
    )


def words_of(reply: Reply) -> str:
    """What an error says, however it says it."""
    return told(_error(reply)) or _plain(reply.text)


def _elsewhere(address: Address, reply: Reply) -> Again:
    """The address points to another one. It may be wrong, or a page that says for a while that the server is away."""
    location = reply.headers.get("location") or ""
    to = f" to {address.clean(location)}" if location else ""
    what = "; if that is the model's address, set base_url to it, without /chat/completions" if location else ""
    return Again(f"{reply.status}: the address redirects{to}, which is not followed{what}", timed=True, unreachable=UNKNOWN)


def _error(reply: Reply) -> Any:
    """The body of an error, as far as it is JSON."""
    try:
        return json.loads(reply.text)
    except (ValueError, RecursionError):
        return None


def _plain(text: str) -> str:
    """What an error says that is not JSON, or says nothing by any known name: the words of a page, or all of it."""
    words = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", text[:LONGEST_PAGE], flags=re.DOTALL | re.IGNORECASE)
    return " ".join(words.split())[:200]
