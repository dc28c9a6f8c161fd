"""What a grant opens (section 6 of the contract): validated at every opening, and a page that knows nothing itself."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from priorauth.commands import access_grants, live_views
from priorauth.commands.live_views import OPENINGS_A_MINUTE, VIEWS_OF_A_KIND
from priorauth.domain.live.grants import Viewer, secret_of
from priorauth.domain.live_sessions import AccessMode
from priorauth.domain.organizations import Scope
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.http import moves
from tests.http.customer import CASES, Customer, Json, fresh_key, path, refused, taken
from tests.http.server import URL, Server, serving
from tests.http.test_access_grants import entries_about, live_case, take_part, watch

PAGE = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]
JSON = [("Accept", "application/json")]
Change = Callable[[Server, Customer, Json, Json], Awaitable[object]]


async def ticket_of(customer: Customer, grant: Json) -> str:
    """Open a grant for its ticket."""
    return str(taken(await customer.get(grant["url"], headers=JSON))["ticket"])


# --- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [PAGE, [("Accept", "*/*")], []], ids=["a browser", "anything", "nothing said"])
async def test_opening_leads_to_the_viewer_with_a_ticket(
    server: Server, customer: Customer, headers: list[tuple[str, str]]
) -> None:
    grant = await watch(customer, await live_case(server, customer))

    async with server.client(None) as anybody:
        response = await anybody.get(grant["url"], headers=headers)

    assert response.status_code == 303
    assert re.fullmatch(r"/runtime/live#[A-Za-z0-9_-]{43}", response.headers["Location"])
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_the_viewer_finds_its_page_below_the_public_address(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    settings = replace(server.services.settings, public_base_url="https://example.org/prior")
    server.app.state.services = replace(server.services, settings=settings)
    grant = await watch(customer, case)

    response = await customer.get(grant["url"].removeprefix("https://example.org/prior"))

    assert grant["url"].startswith("https://example.org/prior/runtime/access/rag_")
    assert response.headers["Location"].startswith("/prior/runtime/live#")


async def test_the_viewers_page_says_where_it_was_opened_to_nobody(server: Server) -> None:
    async with server.client(None) as anybody:
        page = await anybody.get("/runtime/live")
        unknown = await anybody.get("/runtime/live/none.js")

    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    refused(unknown, 404, "not_found")


async def test_a_page_that_goes_on_gets_the_ticket_alone(server: Server, customer: Customer) -> None:
    grant = await watch(customer, await live_case(server, customer))

    first = await customer.get(grant["url"], headers=JSON)
    second = await customer.get(grant["url"], headers=JSON)

    assert (first.status_code, set(first.json())) == (200, {"ticket"})
    assert first.json() != second.json()
    assert first.headers["Cache-Control"] == "no-store"


async def test_every_opening_is_on_the_timeline(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    grant = await watch(customer, case)
    for _ in range(2):
        await customer.get(grant["url"])

    _, *opened = await entries_about(customer, case)

    assert [each["type"] for each in opened] == ["access_grant_opened"] * 2
    for entry in opened:
        assert entry["actor"]["id"].startswith("key_")
        assert entry["details"]["liveViewId"].startswith("view_")
        assert {**entry["details"], "liveViewId": ""} == {
            "accessGrantId": grant["id"],
            "mode": "read_only",
            "liveViewId": "",
            "networkAddress": "127.0.0.1",
        }


async def test_a_preview_of_a_link_opens_nothing(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    grant = await watch(customer, case)
    before = await customer.everything(case)

    looked = await customer.send("HEAD", grant["url"])
    server.pass_time(minutes=5)
    late = await customer.send("HEAD", grant["url"])

    assert (looked.status_code, looked.content, looked.headers.get("Location")) == (200, b"", None)
    assert (late.status_code, late.content) == (404, b"")
    assert await customer.everything(case) == before


@pytest.mark.parametrize("spoil", ["id alone", "no secret", "another secret", "an unknown id", "a lengthened secret"])
async def test_without_its_secret_a_grant_is_not_there(server: Server, customer: Customer, spoil: str) -> None:
    case = await live_case(server, customer)
    grant, other = await watch(customer, case), await watch(customer, case)
    key = server.services.settings.server_key
    target = {
        "id alone": grant["id"],
        "no secret": f"{grant['id']}.",
        "another secret": f"{grant['id']}.{other['url'].rpartition('.')[2]}",
        "an unknown id": f"rag_0.{secret_of('rag_0', key=key)}",
        "a lengthened secret": f"{grant['url'].rpartition('/')[2]}A",
    }[spoil]
    before = await customer.everything(case)

    response = await customer.get(f"/runtime/access/{target}")

    refused(response, 404, "access_grant_not_found")
    assert await customer.everything(case) == before


async def expire(server: Server, _customer: Customer, case: Json, _grant: Json) -> None:
    """Its five minutes are over."""
    server.pass_time(minutes=5)
    await server.claim_session(case["id"])


async def cancel(_server: Server, customer: Customer, case: Json, _grant: Json) -> None:
    """The case is canceled."""
    await customer.cancel(case)


async def revoke(server: Server, _customer: Customer, _case: Json, grant: Json) -> None:
    """The grant is revoked."""
    await server.database.write(lambda tx: access_grants.revoke_as_operator(tx, present(), grant_id=grant["id"]))


async def give_back(server: Server, _customer: Customer, case: Json, _grant: Json) -> None:
    """The handoff is being closed."""
    await server.hand_over(case["id"], state="closing")


async def lose(server: Server, _customer: Customer, case: Json, _grant: Json) -> None:
    """The browser dies."""
    await server.lose_session(case["id"])


async def replace_session(server: Server, _customer: Customer, case: Json, _grant: Json) -> None:
    """Another session of the case is up."""
    await server.claim_session(case["id"], session_id="session-2")


async def go_back(server: Server, _customer: Customer, case: Json, _grant: Json) -> None:
    """The case is its customer's again, and needs no session."""
    await server.reject(case["id"])


CHANGES: list[tuple[Change, str]] = [
    (expire, "access_grant_expired"),
    (cancel, "access_grant_revoked"),
    (revoke, "access_grant_revoked"),
    (give_back, "access_grant_revoked"),
    (lose, "channel_session_lost"),
    (replace_session, "channel_session_lost"),
    (go_back, "channel_session_lost"),
]


@pytest.mark.parametrize(("change", "code"), CHANGES, ids=[each[0].__name__ for each in CHANGES])
async def test_a_grant_that_opens_nothing_says_why(
    server: Server, customer: Customer, change: Change, code: str
) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    grant = await take_part(customer, case)
    await change(server, customer, case, grant)

    for accepted in (JSON, [("Accept", "*/*")], []):
        answer = await customer.get(grant["url"], headers=accepted)
        assert refused(answer, 404, code)["details"] == {}
        assert answer.headers["Cache-Control"] == "no-store"
    page = await customer.get(grant["url"], headers=PAGE)

    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>This" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert grant["id"] not in page.text
    (entry,) = [each for each in await entries_about(customer, case) if each["type"] == "access_grant_refused"]
    assert (entry["details"]["reason"], entry["details"]["accessGrantId"]) == (code, grant["id"])


async def test_what_was_closed_says_so_for_ever(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    grant = await watch(customer, case)
    await customer.cancel(case)
    await server.lose_session(case["id"])
    server.pass_time(hours=1)

    refused(await customer.get(grant["url"]), 404, "access_grant_revoked")


# --- the address of a review -----------------------------------------------------------------------------------------


async def under_review(server: Server, customer: Customer) -> Json:
    """The case of a customer who signs in in person waits for an approval."""
    case = await customer.attach(await customer.create(portalAuthMode="customer_login"))
    case = await customer.confirm(case)
    await server.pause_for_review(case["id"])
    return await customer.read(case)


async def test_a_reviews_address_is_good_while_its_snapshot_counts(server: Server, customer: Customer) -> None:
    case = await under_review(server, customer)
    url = address_of(case)
    assert url is not None
    assert url.startswith(f"{URL}/runtime/access/rag_")

    unopened = await customer.get(url)
    await server.claim_session(case["id"])
    opened = await customer.get(url)
    await server.claim_session(case["id"], session_id="session-2")
    later = await customer.get(url)
    approved = await customer.confirm(await customer.read(case))
    after_approval = await customer.get(url)
    await server.prove_receipt(case["id"], moves.RECEIPT)
    sent = await customer.read(case)
    after_receipt = await customer.get(url)

    refused(unopened, 404, "channel_session_lost")
    assert [each.status_code for each in (opened, later, after_approval)] == [303, 303, 303]
    assert approved["status"] == "processing"
    assert address_of(sent) == url, "fixed when the snapshot is issued"
    refused(after_receipt, 404, "channel_session_lost")


async def test_a_reviews_address_has_an_end(data_dir: Path) -> None:
    with serving(data_dir, review_hold_seconds=60) as server:
        async with server.client(server.key()) as client:
            customer = Customer(client)
            case = await under_review(server, customer)
            await server.claim_session(case["id"])
            url = str(address_of(case))

            server.pass_time(seconds=55)
            in_time = await customer.get(url)
            server.pass_time(seconds=5)
            late = await customer.get(url)

    assert in_time.status_code == 303
    refused(late, 404, "access_grant_expired")


async def test_a_superseded_reviews_address_is_revoked_and_another_takes_its_place(
    server: Server, customer: Customer
) -> None:
    case = await under_review(server, customer)
    await server.claim_session(case["id"])
    before = address_of(case)

    await customer.attach(case)

    refused(await customer.get(str(before)), 404, "access_grant_revoked")
    after = address_of(await customer.read(case))
    assert after != before
    assert (await customer.get(str(after))).status_code == 303


async def test_a_reviews_address_is_shown_by_a_single_read_alone(server: Server, customer: Customer) -> None:
    case = await under_review(server, customer)
    url = address_of(case)
    assert url is not None
    key = [("Idempotency-Key", fresh_key())]

    listed = await customer.get(CASES)
    attached = await customer.attach(case)
    current = await customer.read(case)
    events = await customer.get(path(case, "events"))
    body = {"nextActionId": current["nextAction"]["id"]}
    confirmed, replayed = [
        await customer.send("POST", path(case, "confirm"), json=body, version=current["version"], headers=key)
        for _ in range(2)
    ]

    shown = [next(each for each in listed.json()["data"] if each["id"] == case["id"]), attached, confirmed.json()]
    assert [address_of(each) for each in shown] == [None, None, None]
    assert replayed.content == confirmed.content
    for response in (listed, events, confirmed, replayed):
        assert "/runtime/access/" not in response.text
    assert address_of(current) == address_of(await customer.read(case))


async def test_a_reviews_address_needs_the_scope_to_watch(server: Server, customer: Customer) -> None:
    case = await under_review(server, customer)
    blind = server.key(scopes=(Scope.READ, Scope.WRITE, Scope.CONFIRM))

    async with server.client(blind) as client:
        answer = await Customer(client).get(path(case))
    seen = await customer.get(path(case))

    assert answer.json() == {**seen.json(), "submission": answer.json()["submission"]}
    assert address_of(answer.json()) is None
    assert address_of(seen.json()) is not None
    assert (answer.headers["ETag"], answer.headers["Vary"]) == (seen.headers["ETag"], "Authorization")


def address_of(case: Json) -> str | None:
    """Where the case's review can be watched, if this says so."""
    found: str | None = case["submission"]["reviewSnapshot"]["liveViewUrl"]
    return found


async def test_where_the_service_signs_in_a_snapshot_shows_no_live_view(server: Server, customer: Customer) -> None:
    case = await moves.under_review(server, customer)

    assert address_of(case) is None


async def test_one_address_is_opened_so_often_a_minute(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    grant, another = await watch(customer, case), await watch(customer, case)
    for _ in range(OPENINGS_A_MINUTE):
        await ticket_of(customer, grant)
    before = await entries_about(customer, case)

    program = await customer.get(grant["url"], headers=JSON)
    person = await customer.get(grant["url"], headers=[("Accept", "text/html")])

    error = refused(program, 429, "rate_limited")
    assert error["retryable"] is True
    assert program.headers["Retry-After"] == "60"
    assert (person.status_code, "Too many people are here" in person.text) == (429, True)
    assert await entries_about(customer, case) == before
    await ticket_of(customer, another)
    server.pass_time(minutes=1)
    await ticket_of(customer, grant)


async def test_who_watches_is_bounded_and_keeps_nobody_from_acting(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    watching, acting = await watch(customer, case), await take_part(customer, case)

    def look_on(tx: Transaction) -> None:
        moment = server.clock()
        for number in range(VIEWS_OF_A_KIND):
            viewer = Viewer(
                id=f"view_{number}",
                access_grant_id=watching["id"],
                authorization_id=case["id"],
                mode=AccessMode.READ_ONLY,
                network_address="192.0.2.1",
                opened_at=moment.now - timedelta(minutes=2),
            )
            tx.live_views.add(viewer, ticket_hash=f"ticket-{number}")
            tx.live_views.connect(viewer, spending=f"ticket-{number}", leaving=f"next-{number}", now=moment.now)

    server.database.write_now(look_on)

    one_more = await customer.get(watching["url"], headers=JSON)

    refused(one_more, 429, "rate_limited")
    await ticket_of(customer, acting)


async def test_a_viewer_that_comes_back_over_and_over_leaves_bounded_entries(
    server: Server, customer: Customer
) -> None:
    case = await live_case(server, customer)
    grant = await watch(customer, case)
    ticket = await ticket_of(customer, grant)

    def come_back(tx: Transaction) -> None:
        moment, shown = server.clock(), ticket
        for _ in range(60):
            connected = live_views.connect(tx, moment, ticket=shown, review_seconds=900)
            assert isinstance(connected, live_views.Connected)
            shown = connected.next_ticket

    server.database.write_now(come_back)

    told = [each for each in await entries_about(customer, case) if each["type"] == "live_view_started"]
    assert 0 < len(told) < 60
    assert [each["details"].get("further") for each in told[-2:]] == [None, "not_noted"]
