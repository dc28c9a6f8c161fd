"""What the store promises on whatever database it stands."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from priorauth.commands import processing as moves
from priorauth.commands.record import next_work
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import AuthorizationNotFound, BadRequest, FileNotFound, TemporarilyUnavailable
from priorauth.domain.events import SERVICE, Occurrence, TimelineEntry
from priorauth.domain.files import FileStatus, StoredFile
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.organizations import ApiKey, Caller, Environment, Organization, Scope
from priorauth.domain.questionnaires import Answer, AnswerItem, Coding
from priorauth.domain.submissions import Attempt
from priorauth.queries.authorizations import listed, timeline
from priorauth.store.authorizations import Filter
from priorauth.store.idempotency import IdempotencyScope, StoredAnswer
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, WorkState, following, processing
from tests.factories import cases
from tests.factories.databases import Home


def stored(home: Home, **changes: object) -> Authorization:
    case = home.case(**changes)
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    return case


def required(tx: Transaction, *, caller: Caller, case_id: str) -> Authorization:
    return tx.authorizations.require(caller, case_id)


def loaded(home: Home, case_id: str) -> Authorization | None:
    return home.database.read_now(lambda tx: tx.authorizations.get(case_id))


# --- cases -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_a_case_comes_back_as_it_was(home: Home, status: Status) -> None:
    case = replace(cases.in_status(status, home.clock), organization_id=home.caller.organization_id)
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    assert loaded(home, case.id) == case

    changed = replace(case, version=case.version + 1, metadata={"externalCaseId": "another"})
    home.database.write_now(lambda tx: tx.authorizations.save(changed))
    assert loaded(home, case.id) == changed


def test_a_case_under_an_attempt_comes_back_as_it_was(home: Home) -> None:
    case = replace(cases.attempted(home.clock), organization_id=home.caller.organization_id)
    home.database.write_now(lambda tx: tx.authorizations.add(case))

    assert loaded(home, case.id) == case


values = st.one_of(
    st.builds(Answer, value_string=st.text()),
    st.builds(Answer, value_boolean=st.booleans()),
    st.builds(Answer, value_date=st.dates(min_value=date(1900, 1, 1))),
    st.builds(Answer, value_integer=st.integers(min_value=-(2**31), max_value=2**31 - 1)),
    st.builds(Answer, value_decimal=st.decimals(allow_nan=False, allow_infinity=False, places=6)),
    st.builds(Answer, value_coding=st.builds(Coding, st.text())),
)
items = st.recursive(
    st.builds(AnswerItem, st.text(), st.lists(values).map(tuple)),
    lambda children: st.builds(AnswerItem, st.text(), st.lists(values).map(tuple), st.lists(children).map(tuple)),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(answers=st.lists(items).map(tuple))
def test_any_answers_come_back_as_they_were(home: Home, answers: tuple[AnswerItem, ...]) -> None:
    case = stored(home, id=home.clock.new_id("auth"), answers=answers)

    found = loaded(home, case.id)

    assert found is not None
    assert found == case
    # Equal is not enough for numbers: 1 == Decimal("1.0").
    assert repr(found.answers) == repr(answers)


def test_a_stranger_finds_nothing(home: Home) -> None:
    case = stored(home)
    production = replace(home.caller, environment=Environment.PRODUCTION)

    for caller in (home.stranger, production):
        with pytest.raises(AuthorizationNotFound):
            home.database.read_now(partial(required, caller=caller, case_id=case.id))
        assert page(home, caller=caller) == ([], None)
    assert home.database.read_now(lambda tx: tx.authorizations.require(home.caller, case.id)) == case


# --- lists -----------------------------------------------------------------------------------------------------------


def page(
    home: Home,
    *,
    caller: Caller | None = None,
    cursor: str | None = None,
    limit: int = 25,
    **narrowed: str | datetime,
) -> tuple[list[str], str | None]:
    narrowing = Filter(**narrowed)  # type: ignore[arg-type]
    found, versions = home.database.read_now(
        lambda tx: listed(tx, caller or home.caller, narrowed=narrowing, cursor=cursor, limit=limit)
    )
    assert set(versions) == ({home.payer_version} if found.data else set())
    return [case.id for case in found.data], found.next_cursor


def test_a_list_is_narrowed_by_each_filter_and_by_all(home: Home) -> None:
    start = home.clock.now
    first = stored(home, metadata={"externalCaseId": "one"})
    home.clock.moment(later=10)
    second = stored(home, payer_id="juniper-mutual", status=Status.PROCESSING)
    third = stored(home, status=Status.COMPLETED, outcome=cases.approval(home.clock).outcome)

    assert page(home)[0] == [third.id, second.id, first.id]
    assert page(home, status="processing")[0] == [second.id]
    assert page(home, outcome="approved")[0] == [third.id]
    assert page(home, payer_id="juniper-mutual")[0] == [second.id]
    assert page(home, provider_npi="1234567893")[0] == [third.id, second.id, first.id]
    assert page(home, provider_npi="1999999992")[0] == []
    assert page(home, external_case_id="one")[0] == [first.id]
    assert page(home, created_before=start + timedelta(seconds=1))[0] == [first.id]
    assert page(home, created_after=start + timedelta(seconds=1))[0] == [third.id, second.id]
    assert page(home, created_after=start, created_before=start)[0] == []
    assert page(home, payer_id="juniper-mutual", status="completed")[0] == []


def test_pages_meet_without_gaps_while_cases_are_created(home: Home) -> None:
    present = [stored(home).id for _ in range(7)]

    seen, cursor = page(home, limit=3)
    sizes = [len(seen)]
    while cursor is not None:
        stored(home)
        following_page, cursor = page(home, limit=3, cursor=cursor)
        sizes.append(len(following_page))
        seen += following_page

    assert seen == present[::-1]
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize(
    "cursor", ["", "!", "YQ", "YXV0aF8xCg", "bm90IGFuIGlk", "é", "a" * 500, "YXV0aF8x====", "../.."]
)
def test_a_cursor_that_was_never_issued_is_refused(home: Home, cursor: str) -> None:
    with pytest.raises(BadRequest) as refused:
        page(home, cursor=cursor)
    assert [issue.field for issue in refused.value.issues] == ["cursor"]


def test_the_cases_that_await_work_are_found_whatever_their_status(home: Home) -> None:
    first, _, third = stored(home, status=Status.PROCESSING), stored(home), stored(home, status=Status.WAITING_ON_PAYER)
    canceled = stored(home, status=Status.CANCELED)
    attempts = (Attempt("sub_1", run=1, intended_at=home.clock.now),)
    maybe_submitted = replace(canceled, journal=replace(canceled.journal, attempts=attempts))
    home.database.write_now(lambda tx: tx.authorizations.save(maybe_submitted))
    stored(home, status=Status.CANCELED)

    found = home.database.read_now(lambda tx: tx.authorizations.awaiting_attention())

    assert found == [first.id, third.id, canceled.id]


# --- the timeline ----------------------------------------------------------------------------------------------------


def append(home: Home, case: Authorization, kind: str, observation_id: str | None = None) -> None:
    entry = TimelineEntry(
        id=home.clock.new_id("evt"),
        type=kind,
        actor=SERVICE,
        occurred_at=home.clock.now,
        from_version=1,
        to_version=2,
        details={"code": "x"},
    )
    happened = Occurrence(authorization_id=case.id, entry=entry)
    home.database.write_now(lambda tx: tx.timeline.append(happened, observation_id=observation_id))


def test_a_timeline_is_read_newest_first_page_by_page(home: Home) -> None:
    case, other = stored(home), stored(home)
    for kind in ("a", "b", "c"):
        append(home, case, kind)
        append(home, other, "other")

    def read(cursor: str | None) -> tuple[list[str], str | None]:
        found = home.database.read_now(
            lambda tx: timeline(tx, home.caller, authorization_id=case.id, cursor=cursor, limit=2)
        )
        return [entry.type for entry in found.data], found.next_cursor

    first, cursor = read(None)
    append(home, case, "d")
    assert (first, read(cursor)) == (["c", "b"], (["a"], None))
    with pytest.raises(AuthorizationNotFound):
        home.database.read_now(lambda tx: timeline(tx, home.stranger, authorization_id=case.id, cursor=None, limit=2))


def test_an_observation_is_recorded_once_a_case(home: Home) -> None:
    case, other = stored(home), stored(home)
    append(home, case, "seen", "review:1.0")
    append(home, other, "seen", "review:1.0")
    append(home, case, "note")
    append(home, case, "note")

    with pytest.raises(sa.exc.IntegrityError):
        append(home, case, "seen", "review:1.0")
    assert home.database.read_now(lambda tx: tx.timeline.has_observed(case.id, "review:1.0"))
    assert not home.database.read_now(lambda tx: tx.timeline.has_observed(case.id, "review:1.1"))


def test_what_a_step_observed_is_noted_once_however_often_the_step_runs(home: Home) -> None:
    case = stored(home)

    def note(tx: Transaction) -> None:
        moment, details = home.clock.moment(), {"code": "x"}
        moves.note(
            tx,
            moment,
            authorization_id=case.id,
            event="channel_fault",
            actor=SERVICE,
            details=details,
            observation_id="look:1.0",
        )

    for _ in range(2):
        home.database.write_now(note)
    told = home.database.read_now(lambda tx: tx.timeline.page(case.id, before=None, limit=9))
    assert [entry.type for entry in told] == ["channel_fault"]


# --- what else rests there -------------------------------------------------------------------------------------------


def test_an_answer_is_kept_under_its_key_for_a_time(home: Home) -> None:
    scope = IdempotencyScope(home.caller.organization_id, "sandbox", "POST", "/v1/prior-authorizations", "k1")
    first = StoredAnswer("hash-1", 201, 1, b'{"id": "\xc3\xa9"}')
    second = StoredAnswer("hash-2", 200, None, b"{}")
    now, month = home.clock.now, timedelta(days=30)

    def find(wanted: IdempotencyScope, since: datetime) -> StoredAnswer | None:
        return home.database.read_now(lambda tx: tx.idempotency.find(wanted, since=since))

    home.database.write_now(lambda tx: tx.idempotency.keep(scope, first, now=now))
    assert find(scope, now - month) == first
    assert find(scope, now + timedelta(microseconds=1)) is None
    for other in (
        replace(scope, organization_id=home.stranger.organization_id),
        replace(scope, environment="production"),
        replace(scope, method="PATCH"),
        replace(scope, path="/v1/files"),
        replace(scope, key="k2"),
    ):
        assert find(other, now - month) is None

    home.database.write_now(lambda tx: tx.idempotency.keep(scope, second, now=now + month))
    assert find(scope, now) == second
    assert home.database.write_now(lambda tx: tx.idempotency.forget(before=now + month)) == 0
    assert home.database.write_now(lambda tx: tx.idempotency.forget(before=now + month * 2)) == 1
    assert find(scope, now) is None


def test_a_claim_belongs_to_the_latest_session(home: Home) -> None:
    case = stored(home)
    claim = SessionClaim(
        authorization_id=case.id,
        session_id="one",
        worker="w",
        channel="portal",
        boundary=BoundaryState.NOT_REACHED,
        expires_at=home.clock.now,
    )
    later = replace(claim, session_id="two", boundary=BoundaryState.AT_BOUNDARY)

    def present() -> SessionClaim | None:
        return home.database.read_now(lambda tx: tx.sessions.of(case.id))

    home.database.write_now(lambda tx: tx.sessions.put(claim))
    home.database.write_now(lambda tx: tx.sessions.put(later))
    assert present() == later
    home.database.write_now(lambda tx: tx.sessions.drop(case.id, session_id="one"))
    assert present() == later
    home.database.write_now(lambda tx: tx.sessions.drop(case.id, session_id="two"))
    assert present() is None
    home.database.write_now(lambda tx: tx.sessions.put(claim))
    assert home.database.read_now(lambda tx: tx.sessions.by_worker()) == {claim.worker: [case.id]}


def test_files_and_keys_come_back_as_they_were(home: Home) -> None:
    file = StoredFile(
        id="file_1",
        organization_id=home.caller.organization_id,
        environment="sandbox",
        status=FileStatus.PENDING_UPLOAD,
        file_name="notes.pdf",
        content_type="application/pdf",
        purpose="authorization_attachment",
        size_bytes=None,
        created_at=home.clock.now,
        upload_expires_at=home.clock.now,
    )
    key = ApiKey(
        id="key_1",
        organization_id=home.caller.organization_id,
        environment=Environment.SANDBOX,
        scopes=(Scope.READ,),
        secret_hash="0" * 64,
        created_at=home.clock.now,
    )
    home.database.write_now(lambda tx: tx.files.add(file))
    home.database.write_now(lambda tx: tx.organizations.add_key(key))

    received = file.received(size_bytes=3, stored_as="blob", sha256="f" * 64)
    home.database.write_now(lambda tx: tx.files.save(received))

    assert home.database.read_now(lambda tx: tx.files.require(home.caller, "file_1")) == received
    assert home.database.read_now(lambda tx: tx.organizations.key("key_1")) == key
    with pytest.raises(FileNotFound):
        home.database.read_now(lambda tx: tx.files.require(home.stranger, "file_1"))


def test_a_case_keeps_the_payer_that_it_pinned(home: Home) -> None:
    newer = replace(home.payer, display_name="Larkspur, renamed")
    home.database.write_now(lambda tx: tx.catalog.put_payer("sandbox", newer))

    def versions(tx: Transaction) -> tuple[str, str]:
        current = tx.catalog.payer("sandbox", home.payer.id)
        assert current is not None
        assert current[1] != home.payer_version
        return current[0].display_name, tx.catalog.payer_version(home.payer_version).display_name

    assert home.database.read_now(versions) == ("Larkspur, renamed", "Larkspur Health Plan")
    home.database.write_now(lambda tx: tx.catalog.put_payer("sandbox", home.payer))
    assert home.database.read_now(lambda tx: tx.catalog.payer("sandbox", home.payer.id)) == (
        home.payer,
        home.payer_version,
    )


# --- work ------------------------------------------------------------------------------------------------------------

WORKS = [
    processing("auth_1", run=1, turn=0),
    following("auth_1", run=1, turn=2, delay_seconds=900.0),
]


@pytest.mark.parametrize("work", WORKS, ids=["at once", "later"])
def test_work_exists_if_and_only_if_its_transaction_commits(home: Home, work: Work) -> None:
    def fails(tx: Transaction) -> None:
        tx.enqueue(work)
        assert tx.work.state_of(work.id) is WorkState.WAITING
        raise LookupError

    with pytest.raises(LookupError):
        home.database.write_now(fails)
    assert home.database.read_now(lambda tx: tx.work.state_of(work.id)) is WorkState.GONE

    home.database.write_now(lambda tx: tx.enqueue(work))
    home.database.write_now(lambda tx: tx.enqueue(work))
    assert home.database.read_now(lambda tx: tx.work.state_of(work.id)) is WorkState.WAITING


def test_a_canceled_case_calls_for_work_while_its_attempt_is_open(home: Home) -> None:
    attempted = replace(cases.attempted(home.clock), payer_version=home.payer_version)
    ready = home.case()

    def call(tx: Transaction, case: Authorization) -> Work | None:
        return next_work(tx, case)

    assert home.database.read_now(lambda tx: call(tx, replace(attempted, status=Status.CANCELED))) is not None
    assert home.database.read_now(lambda tx: call(tx, replace(ready, status=Status.CANCELED))) is None


# --- one writer ------------------------------------------------------------------------------------------------------


def named(name: str) -> Organization:
    return Organization(f"org_{name}", name)


def add(home: Home, name: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.organizations.add(named(name), home.clock.moment())


def find(name: str) -> Callable[[Transaction], Organization | None]:
    return lambda tx: tx.organizations.named(name)


async def test_a_failing_write_undoes_itself_and_nobody_else(home: Home) -> None:
    def write(tx: Transaction, *, number: int) -> int:
        add(home, f"n{number}")(tx)
        if number % 3 == 0:
            raise LookupError(number)
        return number

    outcomes = await asyncio.gather(
        *(home.database.write(partial(write, number=number)) for number in range(200)), return_exceptions=True
    )

    assert [isinstance(outcome, LookupError) for outcome in outcomes] == [n % 3 == 0 for n in range(200)]
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [n for n in range(200) if n % 3]
    kept = await home.database.read(lambda tx: [tx.organizations.named(f"n{n}") is not None for n in range(200)])
    assert kept == [n % 3 != 0 for n in range(200)]


async def test_writes_run_one_after_the_other(home: Home) -> None:
    case = stored(home)

    def grow(tx: Transaction) -> None:
        found = tx.authorizations.require(home.caller, case.id)
        tx.authorizations.save(replace(found, version=found.version + 1))

    await asyncio.gather(*(home.database.write(grow) for _ in range(200)))

    found = loaded(home, case.id)
    assert found is not None
    assert found.version == case.version + 200


async def test_a_write_is_seen_by_every_read_after_it(home: Home) -> None:
    for number in range(20):
        await home.database.write(add(home, f"n{number}"))
        assert await home.database.read(find(f"n{number}")) == named(f"n{number}")


async def test_a_caller_that_goes_away_disturbs_nobody(home: Home) -> None:
    tasks = [asyncio.create_task(home.database.write(add(home, f"n{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(outcome is None for outcome in outcomes[1::2])
    await home.database.write(add(home, "last"))
    kept = await home.database.read(lambda tx: [tx.organizations.named(f"n{n}") for n in range(1, 50, 2)])
    assert None not in kept


def test_a_read_cannot_write(home: Home) -> None:
    with pytest.raises((sa.exc.InternalError, TemporarilyUnavailable)):
        home.database.read_now(lambda tx: tx.authorizations.add(home.case()))


def test_a_closed_database_refuses_writes(home: Home) -> None:
    home.database.close()

    with pytest.raises(RuntimeError):
        home.database.write_now(lambda _: None)
