"""Half of all causal architectures; the other half is a file of its own, so that two workers share them."""

import pytest

from tests.zoo.check import as_documented


@pytest.mark.long
def test_every_architecture_is_right_or_refused() -> None:
    as_documented(0, 2)
