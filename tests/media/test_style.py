"""One look for all pages."""

from o1exp.media.style import base_css, colour


def test_forty_arms_have_forty_colours() -> None:
    assert len({colour(place) for place in range(40)}) == 40


def test_pages_follow_the_readers_scheme() -> None:
    assert "prefers-color-scheme: dark" in base_css()
    assert "@media print" in base_css()
