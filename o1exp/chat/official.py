"""OpenAI's own client: every completion and every batch of any provider is sent through it."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from o1exp.chat.address import Address
from o1exp.chat.endpoint import is_loopback
from o1exp.flow import StageFailed

if TYPE_CHECKING:
    import ssl

    import httpx2
    import openai


@dataclass(frozen=True)
class Official:
    """Makes clients of one address. They try once and follow no redirect: what a failure means is said elsewhere."""

    address: Address
    timeout: "float | httpx2.Timeout"

    def client(self) -> "openai.AsyncOpenAI":
        """One more client, with connections of its own. Errors: StageFailed where the address or the environment is unfit."""
        import httpx2
        import openai

        address = self.address
        try:
            # A proxy from the environment must not see what stays on this machine.
            inner = openai.DefaultAsyncHttpxClient(
                trust_env=not is_loopback(address.base_url), verify=self._trusted, follow_redirects=False
            )  # fmt: skip
            client = openai.AsyncOpenAI(
                api_key=address.key or "none", base_url=address.base_url, max_retries=0, timeout=self.timeout, http_client=inner
            )  # fmt: skip
        except (ValueError, ImportError, TypeError, OSError, httpx2.InvalidURL) as wrong:
            raise StageFailed(f"{address.who} cannot be asked ({address.clean(str(wrong))}){self._suspects()}") from None
        if not address.is_openai:  # OPENAI_ORG_ID, _PROJECT_ID and _CUSTOM_HEADERS are no business of others
            client.organization = client.project = None
            client._custom_headers = {}
        return client

    @cached_property
    def _trusted(self) -> "ssl.SSLContext":
        """Shared by all: reading the certificates takes longer than a request."""
        import httpx2

        return httpx2.create_ssl_context(trust_env=not is_loopback(self.address.base_url))

    def _suspects(self) -> str:
        """What in the environment may be wrong."""
        named = [f"the proxy in the environment variable {self.address.proxy}"] if self.address.proxy else []
        named += [f"the file or folder that {name} names" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
        return f"; look at {' and at '.join(named)}" if named else ""
