"""What a revision of the hub stands for: a commit for ever, or whatever a branch or tag points to on the day."""

import re


def is_moving(revision: str) -> bool:
    """A branch, a tag or nothing (the main branch) can come to mean other files; a full commit hash cannot."""
    return re.fullmatch(r"[0-9a-f]{40}", revision) is None


def moving(revision: str, commit: str = "") -> str:
    """The remark on a revision that may move, with the commit that it was, where that is known; "" for a commit."""
    if not is_moving(revision):
        return ""
    return f"moving revision {revision or 'main'}" + (f", commit {commit[:12]} then" if commit else "")
