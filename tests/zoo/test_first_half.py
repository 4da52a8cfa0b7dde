"""Half of all causal architectures; the other half is a file of its own, so that two workers share them."""

import pytest

from tests.zoo.check import as_documented, named


@pytest.mark.long
@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", named(0, 2))
def test_an_architecture_is_right_or_refused(name: str) -> None:
    as_documented(name)
