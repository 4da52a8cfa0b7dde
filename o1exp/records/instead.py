"""Files that stand in the place of the data that somebody wanted: a pointer of Git LFS, a web page."""

from pathlib import Path

_LFS = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html")


def pointer(path: Path) -> bool:
    """Does Git LFS keep the content elsewhere?"""
    with path.open("rb") as content:
        return content.read(len(_LFS)) == _LFS


def assert_data(path: Path) -> None:
    """Errors: ValueError naming a file that only stands for the data."""
    if pointer(path):
        raise ValueError(f"{path} is a Git LFS pointer, not the file itself; run git lfs pull in {path.parent}, or download it again")
    with path.open("rb") as content:
        start = content.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_PAGES):
        raise ValueError(f"{path} is a web page, not data; download the file itself (on GitHub and the hub: the raw file)")
