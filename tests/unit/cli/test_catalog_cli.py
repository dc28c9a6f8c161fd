"""The commands of the catalog say what they did: something new, a change, or nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from priorauth.cli.main import app
from tests.factories.logs import logging_as_before

NPI = "1234567893"
ADD = ("providers", "add", NPI, "--name", "Cedar Hollow Clinic", "--environment", "production")


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """The commands decide how this process logs."""
    with logging_as_before():
        yield


def told(folder: Path, *command: str) -> str:
    """Run a command on a data folder; return what it prints."""
    return CliRunner().invoke(app, [*command, "--data-dir", str(folder)]).output


def test_the_first_command_says_to_back_up_its_keys_once(tmp_path: Path) -> None:
    first, second = told(tmp_path / "data", *ADD), told(tmp_path / "data", *ADD)

    assert "Back this up" in first
    assert str(tmp_path / "data" / "data.key") in first
    assert "Back this up" not in second


def test_a_provider_is_new_changed_or_there_already(tmp_path: Path) -> None:
    assert f"{NPI} is in the catalog of production." in told(tmp_path, *ADD)
    assert "already. Nothing changed." in told(tmp_path, *ADD)
    assert "was Cedar Hollow Clinic, no state. It is Cedar Hollow Clinic, TX, now." in told(
        tmp_path, *ADD, "--state", "TX"
    )
    assert "ZZ is no state" in told(tmp_path, *ADD, "--state", "ZZ")
    assert "is no NPI" in told(tmp_path, "providers", "add", "1234567890", "--name", "Cedar Hollow Clinic")


def test_access_that_is_there_or_was_not_is_told(tmp_path: Path) -> None:
    told(tmp_path, "organizations", "create", "Cedar Hollow Clinic")
    told(tmp_path, "providers", "add", NPI, "--name", "Cedar Hollow Clinic")
    place = ("--organization", "Cedar Hollow Clinic", "--provider", NPI, "--payer", "larkspur-health")

    assert "Nothing changed" not in told(tmp_path, "access", "grant", *place)
    assert "already. Nothing changed." in told(tmp_path, "access", "grant", *place)
    assert "any more" in told(tmp_path, "access", "revoke", *place)
    assert "Nothing changed" in told(tmp_path, "access", "revoke", *place)
