"""A server, and two organizations that use it."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.http.customer import Customer
from tests.http.server import Server, listening, serving


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with its schema and catalog, to be copied."""
    folder = tmp_path_factory.mktemp("installed") / "data"
    with serving(folder):
        return folder


@pytest.fixture
def data_dir(installed: Path, tmp_path: Path) -> Path:
    """A data folder of the test's own."""
    return Path(shutil.copytree(installed, tmp_path / "data"))


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    """The sandbox."""
    with serving(data_dir) as server:
        yield server


@pytest.fixture
async def customer(server: Server) -> AsyncIterator[Customer]:
    """A clinic with every scope."""
    async with server.client(server.key()) as client:
        yield Customer(client)


@pytest.fixture
async def stranger(server: Server) -> AsyncIterator[Customer]:
    """Another organization."""
    async with server.client(server.key("Juniper Street Practice")) as client:
        yield Customer(client)


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    """The server on a socket of this machine."""
    async with listening(server) as found:
        yield found
