"""The other half of all causal architectures."""

import pytest

from tests.zoo.check import as_documented


@pytest.mark.long
def test_every_architecture_is_right_or_refused() -> None:
    as_documented(1, 2)
