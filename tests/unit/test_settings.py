"""Settings: where they come from, and what is refused before anything starts."""

import os
from pathlib import Path

import pytest
import typer

from priorauth.cli.common import read_settings

KEYS = "c2l4dGVlbiBieXRlcywgYW5kIHRoZW4gc2l4dGVlbi4="


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of secrets, with one."""
    monkeypatch.setenv("PRIORAUTH_SECRETS_DIR", str(tmp_path))
    (tmp_path / "priorauth_encryption_keys").write_text(f"{KEYS}\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_file_of_the_secrets_folder_is_a_setting() -> None:
    found = read_settings({}).encryption_keys

    assert found is not None
    assert found.get_secret_value() == KEYS


def test_a_secret_of_kubernetes_is_read_through_its_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "..2026_11_25").mkdir()
    (tmp_path / "..2026_11_25" / "priorauth_files_url").write_text("s3://bucket/prefix")
    (tmp_path / "..data").symlink_to("..2026_11_25")
    (tmp_path / "priorauth_files_url").symlink_to("..data/priorauth_files_url")
    monkeypatch.setenv("PRIORAUTH_SECRETS_DIR", str(tmp_path))

    assert read_settings({}).files_url == "s3://bucket/prefix"


@pytest.mark.usefixtures("folder")
def test_a_variable_wins_over_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIORAUTH_ENCRYPTION_KEYS", "another")

    found = read_settings({}).encryption_keys

    assert found is not None
    assert found.get_secret_value() == "another"


def test_a_secrets_folder_that_is_not_there_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRIORAUTH_SECRETS_DIR", str(tmp_path / "nowhere"))

    with pytest.raises(typer.Exit):
        read_settings({})
    assert "PRIORAUTH_SECRETS_DIR or its option: Path does not point to a directory" in capsys.readouterr().err


def test_a_secret_that_cannot_be_read_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        # Root reads what nobody may: what is no text cannot be read either.
        (folder / "priorauth_encryption_keys").write_bytes(b"\xff")
    else:
        (folder / "priorauth_encryption_keys").chmod(0)

    with pytest.raises(typer.Exit):
        read_settings({})
    assert "a file of PRIORAUTH_SECRETS_DIR cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["", "10.0.0.1", "10.0.0.0/8, ::1", "fd00::/8"])
def test_proxies_are_addresses_and_networks(given: str) -> None:
    assert read_settings({"forwarded_allow_ips": given}).forwarded_allow_ips == given


@pytest.mark.parametrize("given", ["*", "proxy", "10.0.0.1/8", "10.0.0.256"])
def test_a_proxy_that_nothing_can_come_from_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        read_settings({"forwarded_allow_ips": given})
    assert "PRIORAUTH_FORWARDED_ALLOW_IPS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "mysql://user:secret@db/priorauth", "mysql is no PostgreSQL; write postgresql://"),
        ("DATABASE_URL", "db.example/priorauth", "a text without a scheme is no PostgreSQL"),
        ("DATABASE_URL", "postgresql://user:secret@db", "it names no database"),
        ("DATABASE_URL", "postgresql://user:secret@db:port/priorauth", "its port is no number"),
        ("DATABASE_URL", "postgresql://user:sec/ret@db/priorauth", "%40 for an @"),
        ("FILES_URL", "/srv/files", "it names no object store; write s3://bucket/prefix"),
        ("PUBLIC_BASE_URL", "priorauth.example", "write https://host"),
        ("WORKER_URL", "ftp://worker", "write https://host"),
        ("HOST", "http://0.0.0.0:8080", "no address to listen on"),
        ("START_DESPITE", "everything", "PRIORAUTH_START_DESPITE"),
    ],
)
def test_a_wrong_setting_gets_a_sentence_that_repeats_no_password(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"PRIORAUTH_{name}", value)

    with pytest.raises(typer.Exit):
        read_settings({})

    printed = capsys.readouterr().err
    assert said in printed
    assert "sec" not in printed.replace("PRIORAUTH_SECRETS_DIR", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://user:p%40ss@[::1]:5432/priorauth?sslmode=require"),
        ("DATABASE_URL", "postgres:///priorauth?host=/run/postgresql"),
        ("PUBLIC_BASE_URL", "https://priorauth.example/below"),
        ("HOST", "::"),
        ("SANDBOX_HOST", "sandbox"),
        ("START_DESPITE", "folder,address"),
    ],
)
def test_a_right_setting_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PRIORAUTH_{name}", value)

    read_settings({})


def test_an_unknown_variable_is_told_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRIORAUTH_DATABSE_URL", "postgresql://user:secret@db/priorauth")
    monkeypatch.setenv("PRIORAUTH_SITE", "of the compose file")

    read_settings({})

    printed = capsys.readouterr().err
    assert "PRIORAUTH_DATABSE_URL is no setting and has no effect; did you mean PRIORAUTH_DATABASE_URL" in printed
    assert "PRIORAUTH_SITE" not in printed
    assert "secret" not in printed
