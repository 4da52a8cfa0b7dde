"""The finished run of the audit's tests."""

from tests.tti.conftest import answered, made

__all__ = ["answered", "made"]
