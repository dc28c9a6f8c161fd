"""docs/deploying.md: what it tells to do needs machines that are not here; that what it names is there can be said."""

import re
import subprocess

import typer

from priorauth.cli.main import app
from priorauth.settings import Settings
from tests.deploy.manifests import DEPLOY, compose, kubernetes, units
from tests.deploy.proxied import needed
from tests.factories.guides import steps_of

DOCS = DEPLOY.parent / "docs"
GUIDE = (DOCS / "deploying.md").read_text()
BLOCKS = steps_of(GUIDE)


def test_every_block_is_for_a_shell_that_understands_it() -> None:
    assert {step.kind for step in BLOCKS} == {"sh"}
    for step in BLOCKS:
        subprocess.run([needed("bash"), "-n"], input=step.text, text=True, check=True)


def test_every_file_that_it_names_is_there() -> None:
    named = {*re.findall(r"\bdeploy/[\w./-]*\w", GUIDE)} | {*re.findall(r"\brequirements/[\w.]+\w", GUIDE)}

    assert len(named) > 10
    assert not [name for name in named if not (DEPLOY.parent / name).exists()]
    for name in re.findall(r"`((?:config/)?[\w-]+\.yaml)`", GUIDE):
        assert (DEPLOY / name).exists() or [*(DEPLOY / "kubernetes").rglob(name)], name


def test_every_page_that_it_points_to_is_there() -> None:
    pages = {*re.findall(r"\]\(([\w-]+\.md)\)", GUIDE)}

    assert pages
    assert not [page for page in pages if not (DOCS / page).exists()]


def test_every_command_and_setting_that_it_names_exists() -> None:
    commands = {*re.findall(r"(?<!--namespace )(?:\bpriorauth|priorauth-admin|run --rm api) ([a-z]+)\b", _code())}
    settings = {*re.findall(r"PRIORAUTH_[A-Z_]*[A-Z]", GUIDE)} - {"PRIORAUTH_SITE"}
    known = {*typer.main.get_command(app).commands}  # type: ignore[attr-defined]

    assert {"keys", "serve", "worker"} <= commands
    assert commands <= known
    assert settings <= {f"PRIORAUTH_{each.upper()}" for each in {*Settings.model_fields}}


def test_every_service_and_object_that_it_names_exists() -> None:
    objects = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in kubernetes()}
    named = {*re.findall(r"\b(?:deployment|job)/[\w-]+", _code())}
    composed = {*re.findall(r"run --rm (\w+)|--scale (\w+)=|--no-deps (\w+)", _code())}

    assert named <= objects
    assert {name for each in composed for name in each if name} <= {*compose()["services"]}
    for unit in ("priorauth", "priorauth-api", "priorauth-worker@"):
        assert f"`{unit}" in GUIDE
        assert f"{unit}.service" in units()


def _code() -> str:
    """Return all that stands in blocks and between backquotes."""
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", GUIDE, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([step.text for step in BLOCKS] + inline)
