"""What a server of our own says that its replies have in tokens, against the checkpoint's own tokenizer."""

import json
import threading
from contextlib import suppress
from typing import Any

from o1exp.flow import Checkpoint, Work
from o1exp.flow.hub import look_for_hub
from o1exp.flow.library import transformers

ENOUGH, APART = 200, 0.05
"""Tokens from which on a comparison says something, and the share by which the sums may differ: a text need not be cut into the tokens
that it was drawn in."""


class TokenCheck:
    """Looks at every reply on its way. Without a checkpoint (a GGUF file), or a tokenizer that can be loaded, nothing is counted."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint = checkpoint
        self._tokenizer: Any = None
        self._alone = threading.Lock()
        self.said = self.counted = self.supplied = 0
        """Tokens of answers as servers said them and as they were counted, and the replies whose usage was counted for want of any."""

    def checked(self, body: bytes, content: bytes) -> bytes:
        """The reply, with usage where the server gave none. What is no completion goes through as it is."""
        if not self._counts():
            return content
        try:
            reply = json.loads(content)
            texts = [_text(choice) for choice in reply["choices"]]
            ended = sum(choice.get("finish_reason") == "stop" for choice in reply["choices"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return content
        usage = reply.get("usage") or {}
        said = isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int) and isinstance(usage.get("completion_tokens"), int)
        with self._alone:  # a tokenizer serves one thread at a time
            counted = sum(map(self._count, texts)) + ended
            if said:
                self.said += usage["completion_tokens"]
                self.counted += counted
                return content
            prompt = self._count(self._rendered(json.loads(body)["messages"]))
            self.supplied += 1
        reply["usage"] = {"prompt_tokens": prompt, "completion_tokens": counted, "total_tokens": prompt + counted}
        return json.dumps(reply, ensure_ascii=False).encode()

    def tell(self, title: str, work: Work) -> None:
        """Note the counts, and warn where they do not fit together."""
        if self.said or self.supplied:
            work.note(server_tokens=self.said, counted_tokens=self.counted, counted_replies=self.supplied)
        if self.counted >= ENOUGH and abs(self.said - self.counted) > APART * self.counted:
            work.console.line(
                f"[yellow]warning[/] {title} says that its answers have {self.said:,} tokens, the checkpoint's tokenizer counts "
                f"{self.counted:,}: look whether it serves this checkpoint with its own tokenizer"
            )

    def _counts(self) -> bool:
        """Is there a tokenizer? It is loaded for the first reply."""
        with self._alone:
            if self._tokenizer is None and self._checkpoint is not None:
                with suppress(OSError, ValueError):
                    self._tokenizer = tokenizer_of(self._checkpoint)
                self._checkpoint = None
            return self._tokenizer is not None

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _rendered(self, messages: list[dict[str, str]]) -> str:
        rendered: str = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return rendered


def tokenizer_of(checkpoint: Checkpoint) -> Any:
    """The checkpoint's own tokenizer. Errors: OSError or ValueError where it has none that can be loaded."""
    look_for_hub(checkpoint.source)
    return transformers("AutoTokenizer").from_pretrained(checkpoint.source, revision=checkpoint.revision or "main", trust_remote_code=False)


def _text(choice: dict[str, Any]) -> str:
    message = choice["message"]
    return (message.get("reasoning_content") or message.get("reasoning") or "") + (message.get("content") or "")
