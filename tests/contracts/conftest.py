"""Every kind of database that the store's promises are tested on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.databases import HOMES, Home
from tests.factories.steps import Store, store


@pytest.fixture(params=list(HOMES))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A furnished database of one kind."""
    with HOMES[request.param](tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def stored(home: Home) -> Store:
    """Store a case of the home's organization."""
    return lambda build: store(home, build)
