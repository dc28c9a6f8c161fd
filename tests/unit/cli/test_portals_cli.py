"""`priorauth portals`: which payers' portals are up."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from priorauth.bootstrap.storage import opened_database
from priorauth.cli.main import app
from priorauth.commands import portal_health
from priorauth.domain.portals.health import DOWN_AFTER
from priorauth.settings import Settings
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.factories.databases import copy_prepared
from tests.factories.logs import logging_as_before


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """The commands decide how this process logs."""
    with logging_as_before():
        yield


def test_portals_are_told_with_their_payers_and_since_when_they_are_down(tmp_path: Path) -> None:
    copy_prepared(tmp_path)
    moment = present()

    def operation(tx: Transaction) -> None:
        for _ in range(DOWN_AFTER):
            portal_health.note_fault(
                tx, moment, portal="juniper", address="", code="portal_unreachable", out_of_reach=True
            )

    with opened_database(Settings(data_dir=tmp_path)) as database:
        database.write_now(operation)

    told = CliRunner().invoke(app, ["portals", "--data-dir", str(tmp_path)])
    found = CliRunner().invoke(app, ["portals", "--data-dir", str(tmp_path), "--json"])

    assert told.exit_code == found.exit_code == 0
    juniper, larkspur = json.loads(found.output)
    assert (juniper["portal"], juniper["state"], juniper["lastFault"]) == ("juniper", "down", "portal_unreachable")
    assert juniper["since"].startswith(moment.now.isoformat(sep=" ")[:19])
    assert juniper["faultsInARow"] == DOWN_AFTER
    assert (larkspur["portal"], larkspur["state"], larkspur["lastSuccess"]) == ("larkspur", "not tried", None)
    assert "larkspur-health" in larkspur["payers"]
    assert [line.split()[0] for line in told.output.splitlines()] == ["portal", "juniper", "larkspur"]
