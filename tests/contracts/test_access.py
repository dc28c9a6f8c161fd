"""What access rests on, on both databases: keys and their scopes, and word of a change that another process commits."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.commands import access_grants, live_sessions, live_views
from priorauth.commands import credentials as commands
from priorauth.commands import organizations as keys
from priorauth.commands.credentials import Secrets
from priorauth.commands.organizations import UnusableScopes
from priorauth.domain.authorizations import Authorization
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.views import Ending
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.organizations import ApiKey, Caller, Organization, Scope
from priorauth.queries.access_grants import judged
from priorauth.store import data_folder, tables
from priorauth.store.access.rights import may_enter
from priorauth.store.database import Database
from priorauth.store.documents import encode
from priorauth.store.transaction import Transaction
from tests.factories.databases import Home

WRITING = (Scope.READ, Scope.WRITE)


def new_key(home: Home, *scopes: Scope, organization_id: str | None = None) -> ApiKey:
    """A key of the caller's organization, or of another one."""
    owner = Organization(organization_id or home.caller.organization_id, "")

    def operation(tx: Transaction) -> ApiKey:
        environment = home.caller.environment
        moment = home.clock.moment()
        return keys.create_key(tx, moment, organization=owner, environment=environment, scopes=scopes or WRITING)[0]

    return home.database.write_now(operation)


def by(home: Home, key: ApiKey) -> Caller:
    """Whoever has the key."""
    return replace(home.caller, key_id=key.id, scopes=key.scopes)


def watched(home: Home, key: ApiKey) -> tuple[Authorization, str]:
    """An authorization that is looked at by a grant of the key; the grant's id."""
    case = home.case(status=Status.PROCESSING, next_action=None)

    def operation(tx: Transaction) -> str:
        moment = home.clock.moment()
        tx.authorizations.add(case)
        live_sessions.claim(
            tx,
            SessionClaim(
                authorization_id=case.id,
                session_id="session-1",
                worker="worker-1",
                channel="portal",
                boundary=BoundaryState.NOT_REACHED,
                expires_at=moment.now + timedelta(hours=1),
            ),
        )
        grant = access_grants.mint_read_only(
            tx, by(home, key), moment, authorization_id=case.id, shows=lambda _: True, seconds=300
        )
        ticket = live_views.open_view(tx, moment, grant_id=grant.id, network_address="192.0.2.1", review_seconds=900)
        assert isinstance(ticket, str)
        live_views.connect(tx, moment, ticket=ticket, review_seconds=900)
        return grant.id

    return case, home.database.write_now(operation)


def ending(home: Home, grant_id: str) -> Ending | None:
    return home.database.read_now(lambda tx: judged(tx, home.clock.moment(), grant_id=grant_id, review_seconds=900))


@contextmanager
def another_process(home: Home, folder: Path) -> Iterator[Database]:
    """The database as a command has it that runs beside the server."""
    database = Database(home.database.url, data_folder.sealer(folder), beside=True)
    try:
        yield database
    finally:
        database.close()


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_comes_back_with_every_scope(home: Home) -> None:
    made = new_key(home, *Scope)

    assert home.database.read_now(lambda tx: tx.organizations.key(made.id)) == made
    assert made.scopes == tuple(Scope)
    assert made in [key for _, key in home.database.read_now(lambda tx: tx.organizations.keys())]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((Scope.READ,), (Scope.READ, Scope.LIVE_VIEW)),
        ((Scope.READ, Scope.WRITE, Scope.CONFIRM), (Scope.READ, Scope.WRITE, Scope.CONFIRM, Scope.LIVE_VIEW)),
        ((Scope.WRITE,), (Scope.WRITE,)),
    ],
)
def test_a_key_of_before_that_reads_may_see_live_views(
    home: Home, before: tuple[Scope, ...], after: tuple[Scope, ...]
) -> None:
    made = new_key(home)
    table = tables.api_keys

    def store_as_before(tx: Transaction) -> None:
        values = {"document": encode(replace(made, scopes=before)), "scopes": None}
        tx.connection.execute(table.update().where(table.c.id == made.id).values(**values))

    home.database.write_now(store_as_before)
    found = home.database.read_now(lambda tx: tx.organizations.key(made.id))
    assert found is not None
    assert found.scopes == after
    home.database.write_now(lambda tx: keys.note_use(tx, home.clock.moment(), key_id=made.id))
    noted = home.database.read_now(lambda tx: tx.organizations.key(made.id))
    assert noted is not None
    assert noted.scopes == after


def test_a_key_names_no_scope_that_a_node_of_before_cannot_read(home: Home) -> None:
    made = new_key(home, *Scope)
    document = home.database.read_now(
        lambda tx: tx.connection.execute(sa.select(tables.api_keys.c.document).filter_by(id=made.id)).scalar_one()
    )

    assert b"live:view" not in document


@pytest.mark.parametrize("scopes", [(Scope.WRITE,), (Scope.CONFIRM,), (Scope.WRITE, Scope.LIVE_VIEW)])
def test_scopes_that_write_without_reading_are_refused(home: Home, scopes: tuple[Scope, ...]) -> None:
    with pytest.raises(UnusableScopes, match="authorizations:read"):
        new_key(home, *scopes)


async def test_a_use_that_is_noted_beside_a_revocation_does_not_undo_it(home: Home) -> None:
    made = new_key(home)

    await asyncio.gather(
        *(home.database.write(lambda tx: keys.note_use(tx, home.clock.moment(), key_id=made.id)) for _ in range(20)),
        home.database.write(lambda tx: keys.revoke_key(tx, home.clock.moment(), key_id=made.id)),
        *(home.database.write(lambda tx: keys.note_use(tx, home.clock.moment(), key_id=made.id)) for _ in range(20)),
    )

    found = home.database.read_now(lambda tx: tx.organizations.key(made.id))
    assert found is not None
    assert found.revoked_at is not None


# --- word of it ------------------------------------------------------------------------------------------------------


async def test_a_revoked_key_ends_its_grants_and_wakes_those_who_look(home: Home) -> None:
    key = new_key(home)
    case, grant_id = watched(home, key)
    assert ending(home, grant_id) is None
    with home.database.changes.watched(case.id) as watch:
        await home.database.write(lambda tx: keys.revoke_key(tx, home.clock.moment(), key_id=key.id))

        assert await watch.following(until=asyncio.get_running_loop().time() + 5)
    assert ending(home, grant_id) is Ending.REVOKED


async def test_a_key_that_another_process_revokes_wakes_those_who_look(home: Home, tmp_path: Path) -> None:
    key = new_key(home)
    case, grant_id = watched(home, key)
    with another_process(home, tmp_path / "data") as beside, home.database.changes.watched(case.id) as watch:
        beside.write_now(lambda tx: keys.revoke_key(tx, home.clock.moment(), key_id=key.id))

        assert await watch.following(until=asyncio.get_running_loop().time() + 5)
        assert case.id in (watch.heard() or set())
    assert ending(home, grant_id) is Ending.REVOKED


async def test_what_another_process_undid_is_not_told(home: Home, tmp_path: Path) -> None:
    key = new_key(home)
    case, _ = watched(home, key)

    def fail(tx: Transaction) -> None:
        keys.revoke_key(tx, home.clock.moment(), key_id=key.id)
        raise RuntimeError("undone")

    other, other_grant = watched(home, key)
    with another_process(home, tmp_path / "data") as beside, home.database.changes.watched() as watch:
        with pytest.raises(RuntimeError):
            beside.write_now(fail)
        beside.write_now(lambda tx: access_grants.revoke_as_operator(tx, home.clock.moment(), grant_id=other_grant))

        heard: set[str] = set()
        until = asyncio.get_running_loop().time() + 5
        while other.id not in heard:
            assert await watch.following(until=until)
            heard |= watch.heard() or set()
    assert case.id not in heard


async def test_a_key_of_another_organization_wakes_nobody_here(home: Home) -> None:
    key, theirs = new_key(home), new_key(home, organization_id=home.stranger.organization_id)
    case, grant_id = watched(home, key)
    with home.database.changes.watched() as watch:
        await home.database.write(lambda tx: keys.revoke_key(tx, home.clock.moment(), key_id=theirs.id))
        await home.database.write(lambda tx: keys.revoke_key(tx, home.clock.moment(), key_id=key.id))

        heard: set[str] = set()
        until = asyncio.get_running_loop().time() + 5
        while case.id not in heard:
            assert await watch.following(until=until)
            heard |= watch.heard() or set()
    assert heard == {case.id}
    assert ending(home, grant_id) is Ending.REVOKED


async def test_word_that_was_heard_is_not_kept(home: Home, tmp_path: Path) -> None:
    key = new_key(home)
    case, _ = watched(home, key)
    with another_process(home, tmp_path / "data") as beside, home.database.changes.watched(case.id) as watch:
        beside.write_now(lambda tx: keys.revoke_key(tx, home.clock.moment(), key_id=key.id))
        assert await watch.following(until=asyncio.get_running_loop().time() + 5)

    # The deletion was enqueued before this write.
    await home.database.write(lambda tx: tx.live_views.wake())
    count = sa.select(sa.func.count()).select_from(tables.announcements)
    assert home.database.read_now(lambda tx: tx.connection.execute(count).scalar_one()) == 0


# --- shared accounts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "user_name", "is_shared"),
    [
        ("https://portal.example/plan-b", "front-desk", True),
        ("https://PORTAL.example:443", " Front-Desk ", True),
        ("https://portal.example:8443", "front-desk", False),
        ("http://portal.example", "front-desk", False),
        ("https://other.example/plan-a", "front-desk", False),
        ("https://portal.example/plan-b", "another-desk", False),
    ],
)
def test_an_account_at_one_portal_is_shared_whichever_payers_lead_there(
    home: Home, address: str, user_name: str, is_shared: bool
) -> None:
    def operation(tx: Transaction) -> tuple[bool, list[str]]:
        moment, environment = home.clock.moment(), home.caller.environment
        for payer_id, url in (("plan-a", "https://portal.example/plan-a"), ("plan-b", address)):
            portal = replace(home.payer.portal, id=f"adapter-of-{payer_id}", base_url=url)
            tx.catalog.put_payer(environment, replace(home.payer, id=payer_id, portal=portal))
        ours = commands.add(
            tx,
            moment,
            environment=environment,
            payer_id="plan-a",
            secrets=Secrets("front-desk", "rosebud-17", None),
            organization="Cedar Hollow",
        )
        commands.add(
            tx,
            moment,
            environment=environment,
            payer_id="plan-b",
            secrets=Secrets(user_name, "rosebud-17", None),
            organization="Elsewhere",
        )
        claim = SessionClaim(
            authorization_id="auth_1",
            session_id="session-1",
            worker="worker-1",
            channel="portal",
            boundary=BoundaryState.NOT_REACHED,
            expires_at=moment.now + timedelta(hours=1),
            credential_id=ours.id,
        )
        payers = tx.catalog.payers_beside(environment, "plan-a")
        account = tx.credentials.account(environment, payer_ids=payers, user_name="front-desk")
        return may_enter(tx, claim), [each.payer_id for each, _ in account]

    enterable, signing_in_together = home.database.write_now(operation)

    assert enterable is not is_shared
    assert signing_in_together == (["plan-a", "plan-b"] if is_shared else ["plan-a"])
