"""Some of all causal architectures, before a merge; `make long` takes all of them."""

import pytest

from tests.zoo.check import as_documented, named
from tests.zoo.models import architectures
from tests.zoo.table import versions, written


@pytest.mark.slow
@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", named(0, 5))
def test_an_architecture_is_right_or_refused(name: str) -> None:
    as_documented(name)


@pytest.mark.slow
def test_the_page_names_every_architecture_of_these_libraries() -> None:
    if written()[1] != versions():
        pytest.skip("docs/models.md is of other libraries")
    assert sorted(named(0, 1)) == sorted(architectures())
