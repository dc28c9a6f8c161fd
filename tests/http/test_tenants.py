"""Contract, section 3: who may see what: a key opens its own organization's environment, within its scopes, and
nothing else exists.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.domain.organizations import ApiKey, Environment, Scope
from priorauth.store import tables
from priorauth.store.documents import encode
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.http.customer import CASES, Customer, create_body, fresh_key, refused
from tests.http.operations import ATTACH, CONFIRM, CONFIRMS, OPERATIONS, READS, RESOLVE, Operation, prepared
from tests.http.server import Server, serving

OF_ALL = (None, "scenario_not_found", "provider_not_found", "payer_not_found")
OWNED = [each for each in OPERATIONS if each.missing not in OF_ALL]


@pytest.mark.parametrize("operation", OWNED, ids=str)
async def test_what_another_organization_owns_is_not_there(
    server: Server, customer: Customer, stranger: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    theirs = await operation.send(stranger, ground)
    nobodys = await operation.send(stranger, ground, url=operation.lost_url)

    assert refused(theirs, 404, operation.missing or "") == refused(nobodys, 404, operation.missing or "")
    assert await customer.everything({"id": ground.authorization}) == before
    assert (await customer.get(f"/v1/files/{ground.uploaded_file}")).json()["status"] == "uploaded"


async def test_another_organizations_file_cannot_be_attached(customer: Customer, stranger: Customer) -> None:
    ground = await prepared(customer)
    theirs = await stranger.ready_file()
    before = await customer.everything({"id": ground.authorization})

    response = await ATTACH.send(customer, ground, json={"fileId": theirs["id"], "documentTypes": ["clinical_notes"]})

    refused(response, 404, "file_not_found")
    assert await customer.everything({"id": ground.authorization}) == before


async def test_lists_show_only_the_callers_own(customer: Customer, stranger: Customer) -> None:
    case = await customer.create()

    assert [each["id"] async for each in customer.entries(CASES)] == [case["id"]]
    assert [each async for each in stranger.entries(CASES)] == []


async def test_another_organizations_action_confirms_nothing(customer: Customer, stranger: Customer) -> None:
    ground, theirs = await prepared(customer), await prepared(stranger)

    response = await CONFIRM.send(customer, ground, json={"nextActionId": theirs.action})

    refused(response, 409, "next_action_mismatch")


def expired(tx: Transaction, key_id: str) -> None:
    """End a key's life."""
    _save(tx, replace(_key(tx, key_id), expires_at=present().now))


def revoked(tx: Transaction, key_id: str) -> None:
    """Revoke a key."""
    _save(tx, replace(_key(tx, key_id), revoked_at=present().now))


def _key(tx: Transaction, key_id: str) -> ApiKey:
    key = tx.organizations.key(key_id)
    assert key is not None
    return key


def _save(tx: Transaction, key: ApiKey) -> None:
    table = tables.api_keys
    tx.connection.execute(sa.update(table).where(table.c.id == key.id).values(document=encode(key)))


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_a_key_that_opens_nothing_is_refused_everywhere(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})
    good = server.key()
    keys = {
        "of the other environment": server.key(environment=Environment.PRODUCTION),
        "revoked": server.key(edit=revoked),
        "expired": server.key(edit=expired),
        "with another secret": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "without its secret": "_".join(good.split("_")[:3]),
        "with more behind it": good + "A",
        "spelt for the other environment": good.replace("_sandbox_", "_production_", 1),
        "unknown": "pa_sandbox_0_secret",
    }
    answers = {name: await operation.send(customer, ground, headers=[bearer(key)]) for name, key in keys.items()}

    for response in answers.values():
        error = refused(response, 401, "unauthorized")
        assert error["issues"] == []
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic dXNlcjpwYXNz",
        b"pa_sandbox_x",
        b"Bearer \xff\xfe",
        b"Bearer ___",
        b"Bearer " + b"x" * 9000,
    ],
)
async def test_a_malformed_authorization_is_refused(server: Server, header: bytes) -> None:
    async with server.client(None) as client:
        refused(await client.get(CASES, headers=[(b"Authorization", header)]), 401, "unauthorized")
        refused(await client.get(CASES), 401, "unauthorized")


async def test_the_scheme_is_read_whatever_its_case(server: Server) -> None:
    async with server.client(None) as client:
        response = await client.get(CASES, headers={"Authorization": f"bearer {server.key()}"})

    assert response.status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_a_key_without_the_scope_is_refused_and_names_it(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})
    needed = Scope.READ if operation in (RESOLVE, *READS) else Scope.CONFIRM if operation in CONFIRMS else Scope.WRITE
    others = tuple(scope for scope in Scope if scope is not needed) if needed is not Scope.READ else (Scope.LIVE_VIEW,)

    lacking = await operation.send(customer, ground, headers=[bearer(server.key(scopes=others))])
    assert await customer.everything({"id": ground.authorization}) == before
    having = await operation.send(customer, ground, headers=[bearer(server.key(scopes=(Scope.READ, needed)))])

    error = refused(lacking, 403, "insufficient_permissions")
    assert error["details"] == {"requiredScope": needed.value}
    assert having.is_success, having.text


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.writes and each is not RESOLVE], ids=str)
async def test_a_write_by_a_key_that_may_not_read_is_refused(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    def forget_read(tx: Transaction, key_id: str) -> None:
        """A key of before: no command makes one any more."""
        key = tx.organizations.key(key_id)
        assert key is not None
        tx.organizations.save_key(replace(key, scopes=(Scope.WRITE, Scope.CONFIRM)))

    response = await operation.send(customer, ground, headers=[bearer(server.key(edit=forget_read))])

    error = refused(response, 403, "insufficient_permissions")
    assert error["details"] == {"requiredScope": "authorizations:read"}
    assert await customer.everything({"id": ground.authorization}) == before


async def test_production_refuses_a_sandbox_key_and_the_other_way_round(server: Server, data_dir: Path) -> None:
    sandbox_key, production_key = server.key(), server.key(environment=Environment.PRODUCTION)
    with serving(data_dir, environment=Environment.PRODUCTION) as production:
        async with production.client(production_key) as client:
            assert (await client.get(CASES)).status_code == 200
            response = await client.post(CASES, json=create_body(), headers={"Idempotency-Key": fresh_key()})
            refused(response, 404, "provider_not_found")
        async with production.client(sandbox_key) as client:
            refused(await client.get(CASES), 401, "unauthorized")


def bearer(key: str) -> tuple[str, str]:
    """The header that shows a key."""
    return "Authorization", f"Bearer {key}"
