"""What only programs of the system can say of deploy/: where one is missing its tests are skipped, and say so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY, units
from tests.deploy.proxied import free_port, needed, write_nginx

PROGRAM = Path(sys.executable).parent / "priorauth"


def run(*command: object, **environment: str) -> str:
    """Run a program, which must succeed; return all that it says."""
    done = subprocess.run(
        [str(each) for each in command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(params=sorted(units()))
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A service as it is shipped, but for the place where the program is; a template with an instance."""
    name: str = request.param
    installed = units()[name].replace("/opt/priorauth/bin/priorauth ", f"{PROGRAM} ")
    assert str(PROGRAM) in installed
    file = tmp_path / name.replace("@", "@8090")
    file.write_text(installed)
    return file


def test_systemd_understands_every_line_of_a_service(unit: Path) -> None:
    assert run(needed("systemd-analyze"), "verify", "--man=no", unit) == ""


def test_systemd_finds_a_service_shut_off(unit: Path) -> None:
    # Of 100. What is left is the network, and what Chromium's sandbox is made of.
    threshold = 15 if "api" in unit.name else 25

    run(needed("systemd-analyze"), "security", "--offline=true", f"--threshold={threshold}", "--no-pager", unit)


@pytest.mark.parametrize("kind", ["sysusers", "tmpfiles"])
def test_systemd_makes_the_user_and_the_folders(kind: str, tmp_path: Path) -> None:
    program = needed(f"systemd-{kind}")
    (tmp_path / "etc").mkdir()
    if kind == "tmpfiles":
        (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\npriorauth:x:990:990::/:/bin/sh\n")
        (tmp_path / "etc" / "group").write_text("root:x:0:\npriorauth:x:990:\n")
    action = ["--create"] if kind == "tmpfiles" else []
    if os.geteuid() != 0:
        pytest.skip("only root may make users and folders of others")

    run(program, *action, f"--root={tmp_path}", DEPLOY / "systemd" / f"priorauth.{kind}.conf")

    if kind == "tmpfiles":
        made = (tmp_path / "var/lib/priorauth").stat()
        assert (made.st_mode & 0o777, made.st_uid) == (0o700, 990)
        assert (tmp_path / "etc/priorauth/secrets").stat().st_mode & 0o777 == 0o700
    else:
        assert "priorauth" in (tmp_path / "etc" / "passwd").read_text()


def test_nginx_understands_its_configuration(tmp_path: Path) -> None:
    program = needed("nginx")
    configuration = write_nginx(tmp_path, nodes=(8080,), port=free_port())

    assert "test is successful" in run(program, "-t", "-p", tmp_path, "-c", configuration)


def test_caddy_understands_its_configuration(tmp_path: Path) -> None:
    command = (needed("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy" / "Caddyfile")

    assert "Valid configuration" in run(*command, HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path))


@pytest.mark.parametrize("folder", ["config", "migration", "monitoring", "."])
def test_kustomize_builds_objects_that_kubernetes_takes(folder: str, tmp_path: Path) -> None:
    built = tmp_path / "built.yaml"
    built.write_text(run(needed("kubectl"), "kustomize", DEPLOY / "kubernetes" / folder))
    text = built.read_text()

    assert text.count("\n  namespace: priorauth\n") == text.count("\nkind: ") - text.count("kind: Namespace")
    assert "image: priorauth\n" not in text, "an image that no registry has"
    run(PROGRAM.parent / "kubernetes-validate", "--strict", "--quiet", built)
