"""Some of all causal architectures, before a merge; `make long` takes all of them."""

import pytest

from tests.zoo.check import as_documented


@pytest.mark.slow
def test_every_fifth_architecture_is_right_or_refused() -> None:
    as_documented(0, 5)
