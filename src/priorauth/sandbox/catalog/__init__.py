"""What the sandbox contains: payers, providers, portals and scenarios, read once from the files beside it.

Every call returns fresh objects, so that no caller can change another one's catalog. All of it is invented.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import yaml

from priorauth.sandbox.accounts import Account

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One deterministic case: what to send, how to answer, what comes of it, and what the payer's side must know."""

    id: str
    title: str
    description: str
    create: JsonObject
    resolves: JsonObject
    expects: list[JsonObject]
    timeout_seconds: int
    portal: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """A simulated portal that this package can serve."""

    id: str
    display_name: str


PORTALS: tuple[Portal, ...] = (
    Portal(id="larkspur", display_name="Larkspur Provider Connection"),
    Portal(id="juniper", display_name="Juniper Ridge Workspace"),
)

# Public by design: they open nothing but the simulated portals. The first ones are what the sandbox signs in with.
PORTAL_ACCOUNTS: dict[str, tuple[Account, ...]] = {
    "larkspur": (
        Account(user_name="cedar-hollow", password="larkspur-sandbox"),  # noqa: S106
        Account(
            user_name="cedar-hollow-app",
            password="larkspur-sandbox-app",  # noqa: S106
            totp_secret="LKSPSANDBOXTOTPSECRET234567LKSPA",  # noqa: S106
        ),
        Account(user_name="cedar-hollow-phone", password="larkspur-sandbox-phone", message_code="604218"),  # noqa: S106
    ),
    "juniper": (
        Account(user_name="cedar-hollow", password="juniper-sandbox"),  # noqa: S106
        Account(
            user_name="cedar-hollow-app",
            password="juniper-sandbox-app",  # noqa: S106
            totp_secret="JNPRSANDBOXTOTPSECRET234567JNPRA",  # noqa: S106
        ),
        Account(user_name="cedar-hollow-phone", password="juniper-sandbox-phone", message_code="730164"),  # noqa: S106
    ),
}


def scenarios() -> tuple[Scenario, ...]:
    """All scenarios, ordered by id."""
    return tuple(_scenario(json.loads(text)) for text in _texts("scenarios"))


def scenario(scenario_id: str) -> Scenario | None:
    """The scenario of this id, if there is one."""
    return next((each for each in scenarios() if each.id == scenario_id), None)


def payers() -> list[JsonObject]:
    """All payers, ordered by id."""
    return deepcopy(_payers())


def providers() -> list[JsonObject]:
    """All providers that a case may be created for."""
    entries: list[JsonObject] = json.loads(_provider_text())
    return entries


def members_at(portal_id: str) -> list[JsonObject]:
    """All members, with how their cases go, whose payers use this portal."""
    portals = {payer["id"]: payer["portal"]["id"] for payer in payers()}
    told = [
        each.portal
        for each in scenarios()
        # A scenario may be about somebody whom the plan does not know.
        if each.portal["member"] is not None and portals[each.create["request"]["payerId"]] == portal_id
    ]
    at_payers = (payer.get("sandbox", {}).get("members", ()) for payer in payers() if portals[payer["id"]] == portal_id)
    return [*told, *(member for members in at_payers for member in members)]


def sample_document() -> bytes:
    """A clinical note as PDF, of an invented patient."""
    return files(__package__).joinpath("documents", "clinical-notes.pdf").read_bytes()


def _scenario(entry: JsonObject) -> Scenario:
    return Scenario(
        id=entry["id"],
        title=entry["title"],
        description=entry["description"],
        create=entry["create"],
        resolves=entry["resolves"],
        expects=entry["expects"],
        timeout_seconds=entry["timeoutSeconds"],
        portal=entry["portal"],
    )


@cache
def _texts(folder: str) -> tuple[str, ...]:
    return tuple(text for _, text in sorted(_named_texts(folder)))


def _named_texts(folder: str) -> Iterator[tuple[str, str]]:
    for entry in files(__package__).joinpath(folder).iterdir():
        if entry.name.endswith(".json"):
            yield entry.name.removesuffix(".json"), entry.read_text(encoding="utf-8")


@cache
def _payers() -> list[JsonObject]:
    # Reading them takes as long as all else together that a start does with the catalog.
    return [yaml.safe_load(text) for text in _payer_texts()]


def _payer_texts() -> tuple[str, ...]:
    folders = sorted(files(__package__).joinpath("payers").iterdir(), key=lambda folder: folder.name)
    return tuple(file.read_text(encoding="utf-8") for folder in folders if folder.is_dir() for file in folder.iterdir())


@cache
def _provider_text() -> str:
    return files(__package__).joinpath("providers.json").read_text(encoding="utf-8")
