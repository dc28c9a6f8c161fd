"""Which browser is started and how, decided without starting one."""

from __future__ import annotations

from pathlib import Path

import pytest

from priorauth.channels.portals import chromium


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any browser; returns the only folder on its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(chromium, "KNOWN_PLACES", ())
    monkeypatch.setattr(chromium, "installed_folder", lambda: tmp_path / "chromium")
    return folder


def program(file: Path, text: str = "exit 0") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_the_headless_shell_is_preferred(bare_machine: Path) -> None:
    program(bare_machine / "chromium")
    shell = program(bare_machine / "chromium-headless-shell")

    assert chromium.find_chromium() == shell


def test_what_setup_proved_comes_before_what_lies_on_the_path(bare_machine: Path, tmp_path: Path) -> None:
    program(bare_machine / "chromium-headless-shell")
    proven = program(tmp_path / "chromium" / "browser")
    chromium.remember(proven)

    assert chromium.find_chromium() == proven


def test_a_browser_that_was_removed_after_setup_is_not_returned(bare_machine: Path, tmp_path: Path) -> None:
    chromium.remember(tmp_path / "gone")
    there = program(bare_machine / "chromium")

    assert chromium.find_chromium() == there


def test_a_named_browser_is_taken_and_nothing_else(bare_machine: Path, tmp_path: Path) -> None:
    program(bare_machine / "chromium")
    named = program(tmp_path / "mine")

    assert chromium.find_chromium(named) == named
    with pytest.raises(chromium.ChromiumNotFoundError, match="does not exist"):
        chromium.find_chromium(tmp_path / "absent")


@pytest.mark.usefixtures("bare_machine")
def test_no_browser_is_a_typed_error_that_says_what_to_do() -> None:
    with pytest.raises(chromium.ChromiumNotFoundError, match="make setup"):
        chromium.find_chromium()


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("text", ["exit 0", "exit 1", "exec sleep 30"], ids=["silent", "failing", "hanging"])
def test_a_file_of_the_right_name_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    assert not chromium.starts(program(tmp_path / "stub", text), timeout=0.5)
    assert not chromium.starts(tmp_path / "absent")


def test_root_has_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "_is_root", lambda: True)
    executable = Path("/root-has-none")

    arguments = chromium.launch_arguments(executable=executable)

    assert not chromium.keeps_sandbox(arguments)
    with pytest.raises(chromium.ChromiumSandboxError, match="root"):
        chromium.launch_arguments(executable=executable, sandbox="on")


@pytest.mark.parametrize("works", [True, False])
def test_an_ordinary_user_keeps_the_sandbox_where_it_works(monkeypatch: pytest.MonkeyPatch, works: bool) -> None:
    monkeypatch.setattr(chromium, "_is_root", lambda: False)
    monkeypatch.setattr(chromium, "_sandbox_works", lambda _executable: works)
    executable = Path("/any")

    assert chromium.keeps_sandbox(chromium.launch_arguments(executable=executable)) is works
    assert not chromium.keeps_sandbox(chromium.launch_arguments(executable=executable, sandbox="off"))
    if not works:
        with pytest.raises(chromium.ChromiumSandboxError, match="user namespaces"):
            chromium.launch_arguments(executable=executable, sandbox="on")


def test_loopback_goes_through_the_proxy_too() -> None:
    arguments = chromium.launch_arguments(executable=Path("/any"), proxy_server="http://127.0.0.1:3128", sandbox="off")

    assert "--proxy-server=http://127.0.0.1:3128" in arguments
    assert "--proxy-bypass-list=<-loopback>" in arguments


def test_features_are_disabled_in_one_argument() -> None:
    # Chromium takes the last of several.
    arguments = chromium.launch_arguments(executable=Path("/any"), sandbox="off")

    assert sum(argument.startswith("--disable-features=") for argument in arguments) == 1
