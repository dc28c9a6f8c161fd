"""Credentials on whatever database they rest: what is kept, what is forgotten, and which one a job gets."""

from dataclasses import replace

import pytest

from priorauth.commands import credentials as commands
from priorauth.commands.credentials import Secrets, UnusableCredential
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.credentials import Credential
from priorauth.domain.organizations import Environment
from priorauth.engine.credentials import Credentials
from priorauth.engine.jobs import job_of
from priorauth.store import tables
from tests.factories.databases import Home

SECRETS = Secrets("cedar", "rosebud-17", "GEZDGNBVGY3TQOJQ")
STATE = b'{"cookies": [], "origins": []}'


def added(home: Home, *, organization: str | None = None, provider_npi: str | None = None) -> Credential:
    return home.database.write_now(
        lambda tx: commands.add(
            tx,
            home.clock.moment(),
            environment=Environment.SANDBOX,
            payer_id=home.payer.id,
            secrets=SECRETS,
            organization=organization,
            provider_npi=provider_npi,
        )
    )


def stored(home: Home, credential: Credential) -> Credential | None:
    return home.database.read_now(lambda tx: tx.credentials.get(credential.id))


def state(home: Home, credential: Credential) -> bytes | None:
    return home.database.read_now(lambda tx: tx.credentials.state(credential.id))


def test_a_credential_comes_back_as_it_was(home: Home) -> None:
    npi = home.case().provider.npi
    made = [added(home, organization="Cedar Hollow", provider_npi=npi), added(home)]

    assert [stored(home, each) for each in made] == made
    assert home.database.read_now(lambda tx: tx.credentials.all(Environment.SANDBOX)) == made
    assert home.database.read_now(lambda tx: tx.credentials.of_payer(Environment.SANDBOX, home.payer.id)) == made
    assert home.database.read_now(lambda tx: tx.credentials.of_payer(Environment.PRODUCTION, home.payer.id)) == []
    assert home.database.read_now(lambda tx: tx.credentials.of_payer(Environment.SANDBOX, "nobody")) == []


async def test_a_sign_in_is_noted_and_its_state_kept_until_the_next_one(home: Home) -> None:
    source, credential = Credentials(home.database, home.clock.moment), added(home)
    assert await source.state_of(credential) is None

    for content in (b"first", STATE):
        await source.signed_in(credential, state=content)
        assert await source.state_of(credential) == content

    assert await source.get(credential.id) == replace(credential, last_used_at=home.clock.now)


async def test_what_replaced_or_removed_secrets_have_opened_is_not_kept(home: Home) -> None:
    source, credential = Credentials(home.database, home.clock.moment), added(home)
    await source.signed_in(credential, state=STATE)
    others = Secrets("cedar", "another", None)
    replaced = home.database.write_now(
        lambda tx: commands.rotate(tx, home.clock.moment(later=5), credential_id=credential.id, secrets=others)
    )
    assert (replaced.password, replaced.totp_secret, replaced.replaced_at) == ("another", None, home.clock.now)
    assert state(home, credential) is None

    await source.signed_in(credential, state=STATE)
    assert state(home, credential) is None, "a session that began with the former secrets has ended late"

    await source.signed_in(replaced, state=STATE)
    home.database.write_now(lambda tx: commands.remove(tx, credential_id=credential.id))
    assert stored(home, credential) is None
    assert state(home, credential) is None
    await source.signed_in(replaced, state=STATE)
    assert state(home, credential) is None
    assert await source.get(credential.id) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"payer_id": "nobody"}, "no payer nobody in sandbox.*larkspur-health.*payers add"),
        ({"environment": Environment.PRODUCTION}, "in production. Payers that there are: none yet"),
        ({"organization": "Nobody"}, "organizations list"),
        ({"provider_npi": "1000000004"}, "providers add"),
        ({}, "credentials rotate cred_000001"),
    ],
)
def test_what_cannot_be_added_is_told_with_what_to_do(home: Home, changes: dict[str, object], message: str) -> None:
    added(home)
    wanted = {"environment": Environment.SANDBOX, "payer_id": home.payer.id, "secrets": SECRETS, **changes}

    with pytest.raises(UnusableCredential, match=message):
        home.database.write_now(lambda tx: commands.add(tx, home.clock.moment(), **wanted))  # type: ignore[arg-type]


def test_a_job_names_the_most_specific_credential_of_its_case_and_holds_no_secret(home: Home) -> None:
    case = home.case(attachments=())
    taken = [home.database.read_now(lambda tx: job_of(tx, case)).credential_id]
    scopes: tuple[dict[str, str], ...] = (
        {},
        {"provider_npi": case.provider.npi},
        {"organization": "Elsewhere", "provider_npi": case.provider.npi},
        {"organization": "Cedar Hollow"},
        {"organization": "Cedar Hollow", "provider_npi": case.provider.npi},
    )
    for scope in scopes:
        made = added(home, **scope)
        taken.append(home.database.read_now(lambda tx: job_of(tx, case)).credential_id)
        if scope.get("organization") != "Elsewhere":
            assert taken[-1] == made.id
    assert taken == [None, "cred_000001", "cred_000002", "cred_000002", "cred_000004", "cred_000005"]
    assert SECRETS.password not in repr(home.database.read_now(lambda tx: job_of(tx, case)))


def test_where_the_customer_signs_in_a_job_names_no_credential(home: Home) -> None:
    added(home)
    case = home.case(attachments=())
    case = replace(case, route=replace(case.route, portal_auth_mode=PortalAuthMode.CUSTOMER_LOGIN))

    job = home.database.read_now(lambda tx: job_of(tx, case))
    assert (job.credential_id, job.portal_auth_mode) == (None, PortalAuthMode.CUSTOMER_LOGIN)


def test_secrets_and_states_rest_sealed_each_in_its_place(home: Home) -> None:
    credential = added(home)
    home.database.write_now(lambda tx: tx.credentials.put_state(credential.id, STATE))

    def at_rest(table: object) -> bytes:
        query = table.select()  # type: ignore[attr-defined]
        return bytes(home.database.read_now(lambda tx: tx.connection.execute(query).one()).document)

    for table in (tables.credentials, tables.browser_states):
        document = at_rest(table)
        assert not [secret for secret in (b"cedar", b"rosebud", b"GEZD", b"cookies") if secret in document]
        sealer = home.database.read_now(lambda tx: tx.sealer)
        assert sealer.open(document, f"{table.name}:{credential.id}")
