"""What a node shows of itself: its metrics, and a line for every request and every change of a case."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from priorauth.bootstrap.watching import Watched
from priorauth.commands import portal_health
from priorauth.domain.live.grants import secret_of
from priorauth.domain.portals.health import DOWN_AFTER
from priorauth.store.transaction import Transaction
from priorauth.store.work import processing
from priorauth.telemetry import families
from tests.factories.logs import Lines, logged
from tests.http.customer import CASES, Customer, path
from tests.http.moves import offered, waiting
from tests.http.server import Server
from tests.http.test_envelope import lose_database

pytestmark = pytest.mark.usefixtures("watched")


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with logged(capsys) as lines:
        yield lines


@pytest.fixture
def watched(server: Server, lines: Lines) -> None:
    """Nobody watches a server of these tests by itself."""
    del lines
    watch(server)


def watch(server: Server, **settings: object) -> None:
    chosen = type(server.settings).model_validate({**server.settings.model_dump(), **settings})
    page = Watched(chosen, server.database, present=server.clock).page
    server.app.state.services = replace(server.services, metrics=page)


async def page(server: Server, **headers: str) -> httpx.Response:
    async with server.client(None) as client:
        return await client.get("/metrics", headers=headers)


async def samples(server: Server) -> dict[str, float]:
    """Every sample of a fresh page, by its name and labels as they are written."""
    watch_again = await page(server)
    assert watch_again.status_code == 200
    written = [line for line in watch_again.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in written)}


# --- requests --------------------------------------------------------------------------------------------------------


async def test_a_request_is_counted_and_logged_by_its_routes_template(
    server: Server, customer: Customer, lines: Lines
) -> None:
    case = await customer.create()
    lines()
    await customer.get(path(case))
    await customer.get(f"/v1/prior-auth/authorizations/{case['id']}")
    await customer.client.head(path(case))
    await customer.client.delete(path(case))

    first, second, head, wrong = [line for line in lines() if line["event"] == "request"]
    one, other = (f"{prefix}/{{authorization_id}}" for prefix in (CASES, "/v1/prior-auth/authorizations"))
    assert [(line["method"], line["route"], line["status"]) for line in (first, second, head, wrong)] == [
        ("GET", one, 200),
        ("GET", other, 200),
        ("HEAD", one, 200),
        ("DELETE", one, 405),
    ]
    assert first["key_id"].startswith("key_")
    assert first["organization_id"].startswith("org_")
    assert first["request_id"].startswith("req_")
    assert first["milliseconds"] >= 0
    found = await samples(server)
    assert found[f'priorauth_http_requests_total{{method="GET",route="{one}",status="200"}}'] == 1
    assert found[f'priorauth_http_request_seconds_count{{method="HEAD",route="{one}"}}'] == 1


async def test_nothing_that_a_caller_makes_up_becomes_a_label_or_a_line(server: Server, lines: Lines) -> None:
    grant = f"agrant_1.{secret_of('agrant_1', key=server.services.settings.server_key)}"
    async with server.client(None) as client:
        await client.get(f"/runtime/access/{grant}")
        await client.get("/ashgrove?name=ashgrove", headers={"Authorization": "Bearer ashgrove"})
        await client.request("ASHGROVE", "/health")

    found = lines()
    assert [(line["route"], line["status"]) for line in found] == [
        ("/runtime/access/{target}", 404),
        ("unmatched", 404),
        ("/health", 405),
    ]
    shown = f"{found} {await samples(server)}"
    assert grant.partition(".")[2] not in shown
    assert "ashgrove" not in shown.lower()


async def test_an_unforeseen_fault_is_one_line_of_where_and_one_of_what_was_answered(
    server: Server, customer: Customer, lines: Lines
) -> None:
    lose_database(server)

    await customer.get(CASES)

    fault, request = lines()
    assert (fault["event"], fault["error"], fault["route"]) == ("request_fault", "OSError", CASES)
    assert (request["event"], request["status"]) == ("request", 500)
    assert fault["request_id"] == request["request_id"]
    assert "secret" not in f"{fault} {request}"


# --- cases -----------------------------------------------------------------------------------------------------------


async def test_every_change_of_a_case_is_one_line_and_one_count(
    server: Server, customer: Customer, lines: Lines
) -> None:
    case = await waiting(server, customer)

    changes = [line for line in lines() if line["event"] == "case_changed"]
    assert [(line["change"], line["from_status"], line["to_status"]) for line in changes] == [
        ("created", None, "requires_input"),
        ("document_attached", "requires_input", "requires_confirmation"),
        ("advance_confirmed", "requires_confirmation", "processing"),
        ("approval_required", "processing", "requires_confirmation"),
        ("submission_approved", "requires_confirmation", "processing"),
        ("submission_intended", "processing", "processing"),
        ("receipt_proven", "processing", "waiting_on_payer"),
    ]
    assert {line["authorization_id"] for line in changes} == {case["id"]}
    found = await samples(server)
    assert found['priorauth_case_events_total{event="receipt_proven"}'] == 1
    assert found['priorauth_submissions_total{what="intended"}'] == 1
    assert found['priorauth_submissions_total{what="received"}'] == 1
    assert found['priorauth_cases{status="waiting_on_payer"}'] == 1
    assert found['priorauth_cases{status="processing"}'] == 0


async def test_what_is_refused_changes_nothing_and_is_not_counted(server: Server, customer: Customer) -> None:
    case = await customer.create()
    before = await samples(server)

    refused = await customer.send("POST", path(case, "confirm"), version=case["version"], json={})

    assert refused.status_code == 409
    after = await samples(server)
    assert {name: value for name, value in before.items() if "case_events" in name} == {
        name: value for name, value in after.items() if "case_events" in name
    }


async def test_how_long_a_case_waited_for_a_human_is_known_when_one_takes_over(
    server: Server, customer: Customer
) -> None:
    case = await offered(server, customer)
    server.pass_time(seconds=120)
    await customer.take_over(case)
    await customer.give_back(await customer.read(case), "complete", reportedOutcome="signed_in")

    found = await samples(server)
    assert found['priorauth_handoffs_offered_total{reason="sign_in"}'] == 1
    assert found['priorauth_handoffs_closed_total{result="completed_reported"}'] == 1
    assert found["priorauth_handoff_wait_seconds_count"] == 1
    assert 120 <= found["priorauth_handoff_wait_seconds_sum"] < 180


# --- work and database -----------------------------------------------------------------------------------------------


async def test_waiting_and_delayed_work_and_its_age_are_read_from_the_queue(server: Server) -> None:
    for number, delay in ((1, 0.0), (2, 0.0), (3, 300.0)):
        work = processing(f"auth_{number}", run=1, turn=0, delay_seconds=delay)
        await server.database.write(lambda tx, work=work: tx.enqueue(work))  # type: ignore[misc]
    server.pass_time(seconds=60)

    found = await samples(server)

    assert found['priorauth_work{state="waiting"}'] == 2
    assert found['priorauth_work{state="delayed"}'] == 1
    assert found['priorauth_work{state="running"}'] == 0
    assert 60 <= found["priorauth_work_oldest_waiting_seconds"] < 120
    assert found["priorauth_database_up"] == 1
    assert found["priorauth_database_write_seconds_count"] >= 3


async def test_the_page_is_there_without_the_database_and_says_so(server: Server) -> None:
    lose_database(server)

    found = await samples(server)

    assert found["priorauth_database_up"] == 0
    assert found["priorauth_database_writes_waiting"] == 0
    assert not [name for name in found if name.startswith("priorauth_cases")]


async def test_the_database_is_asked_no_more_often_than_every_few_seconds(server: Server, customer: Customer) -> None:
    before = await samples(server)
    await customer.create()

    assert await samples(server) != before
    assert (await samples(server))['priorauth_cases{status="requires_input"}'] == 0


async def test_a_portal_is_shown_up_or_down_with_its_last_fault(server: Server) -> None:
    places = {name: {"portal": name, "address": ""} for name in ("juniper", "larkspur")}

    def operation(tx: Transaction) -> None:
        moment = server.clock()
        for place in places.values():
            portal_health.note_success(tx, moment, **place)
        for _ in range(DOWN_AFTER):
            portal_health.note_fault(tx, moment, **places["juniper"], code="portal_unreachable", out_of_reach=True)

    await server.database.write(operation)
    server.pass_time(seconds=90)

    found = await samples(server)

    assert found['priorauth_portal_up{address="",portal="juniper"}'] == 0
    assert found['priorauth_portal_up{address="",portal="larkspur"}'] == 1
    assert 90 <= found['priorauth_portal_last_success_seconds{address="",portal="larkspur"}'] < 120
    fault = '{address="",code="portal_unreachable",portal="juniper"}'
    assert found[f"priorauth_portal_faults_in_a_row{fault}"] == DOWN_AFTER


# --- who may read ----------------------------------------------------------------------------------------------------


async def test_with_a_token_the_page_is_for_whoever_has_it(server: Server) -> None:
    watch(server, metrics_token="a-token")

    for presented in ({}, {"Authorization": "Bearer another"}, {"Authorization": "Basic a-token"}):
        refused = await page(server, **presented)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "priorauth_" not in refused.text
    assert (await page(server, Authorization="Bearer a-token")).status_code == 200


async def test_every_family_and_no_other_is_on_the_page(server: Server) -> None:
    shown = {line.split()[2] for line in (await page(server)).text.splitlines() if line.startswith("# TYPE priorauth_")}

    # Of what this server has not: a browser, a viewer.
    elsewhere = {families.SESSIONS, families.VIEWERS, families.FRAMES}
    assert shown == {family.name for family in families.EVERY if family not in elsewhere}


def test_no_label_is_an_id() -> None:
    known = {
        "route",
        "method",
        "status",
        "event",
        "state",
        "step",
        "verdict",
        "what",
        "reason",
        "result",
        "code",
        "portal",
        "address",
    }
    assert {label for family in families.EVERY for label in family.labels} <= known
