"""Workers come and go: leases end by the database's clock, and what the dead have left goes to those who live."""

import itertools
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from priorauth.commands import handoffs, live_sessions, workers
from priorauth.commands.processing import Observation
from priorauth.commands.record import enqueue, load, next_work
from priorauth.domain.authorizations import Authorization
from priorauth.domain.events import SERVICE, Occurrence, TimelineEntry
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.store.idempotency import IdempotencyScope
from priorauth.store.transaction import Transaction
from priorauth.store.work import QUEUE, Line, Work, WorkState, processing, queue_of
from tests.factories import cases
from tests.factories.databases import Home

LONG, OVER = 600.0, -1.0

_numbers = itertools.count()


def join(home: Home, worker: str, *, lease_seconds: float = LONG, alone: bool = False) -> None:
    home.database.write_now(
        lambda tx: workers.join(tx, worker=worker, url=f"http://{worker}", lease_seconds=lease_seconds, alone=alone)
    )


def store(home: Home, case: Authorization) -> Authorization:
    ours = replace(
        case,
        id=f"auth_{next(_numbers):03d}",
        organization_id=home.caller.organization_id,
        payer_version=home.payer_version,
    )
    home.database.write_now(lambda tx: tx.authorizations.add(ours))
    return ours


def claim(home: Home, case: Authorization, worker: str, *, session_id: str = "sess_1", **more: str) -> SessionClaim:
    claimed = SessionClaim(
        authorization_id=case.id,
        session_id=session_id,
        worker=worker,
        channel="portal",
        boundary=BoundaryState.NOT_REACHED,
        expires_at=home.clock.now + timedelta(seconds=15),
        **more,
    )
    home.database.write_now(lambda tx: live_sessions.claim(tx, claimed))
    return claimed


def row_of(home: Home, work_id: str) -> sa.Row[tuple[str, int, str]]:
    """The queue, the place and the line of a piece of work, as the engine's tables have them."""

    def read(tx: Transaction) -> sa.Row[tuple[str, int, str]]:
        schema = "dbos" if tx.connection.dialect.name == "postgresql" else None
        names = ("workflow_uuid", "queue_name", "priority", "queue_partition_key")
        table = sa.table("workflow_status", *[sa.column(name) for name in names], schema=schema)
        query = sa.select(table.c.queue_name, table.c.priority, table.c.queue_partition_key)
        return tx.connection.execute(query.where(table.c.workflow_uuid == work_id)).one()  # type: ignore[return-value]

    return home.database.read_now(read)


def bury(home: Home) -> workers.Left:
    return home.database.write_now(workers.bury)


def test_a_lease_is_renewed_while_it_stands_and_never_afterwards(home: Home) -> None:
    join(home, "worker_1")
    join(home, "worker_2", lease_seconds=OVER)

    assert home.database.write_now(lambda tx: tx.workers.renew("worker_1", lease_seconds=LONG))
    assert not home.database.write_now(lambda tx: tx.workers.renew("worker_2", lease_seconds=LONG))
    assert not home.database.write_now(lambda tx: tx.workers.renew("worker_3", lease_seconds=LONG))


def test_the_living_are_those_whose_leases_stand(home: Home) -> None:
    join(home, "worker_1")
    join(home, "worker_2", lease_seconds=OVER)

    bury(home)

    assert home.database.read_now(lambda tx: tx.workers.living()) == ["worker_1"]
    assert home.database.read_now(lambda tx: tx.workers.url_of("worker_1")) == "http://worker_1"
    assert home.database.read_now(lambda tx: tx.workers.url_of("worker_2")) is None


def test_one_that_is_alone_ends_all_others(home: Home) -> None:
    join(home, "worker_1")
    join(home, "worker_2", alone=True)

    assert home.database.read_now(lambda tx: tx.workers.living()) == ["worker_2"]


def test_a_chore_is_taken_once_until_it_is_due_again(home: Home) -> None:
    def take(every_seconds: float) -> bool:
        return home.database.write_now(lambda tx: tx.workers.take_chore("sweep", every_seconds=every_seconds))

    assert take(OVER)
    assert take(LONG)
    assert not take(LONG)


def test_work_goes_to_the_worker_that_holds_the_session_while_that_lives(home: Home) -> None:
    case = store(home, cases.approved(home.clock))
    claim(home, case, "worker_1")

    def enqueued() -> str:
        def operation(tx: Transaction) -> Work:
            work = next_work(tx, load(tx, case.id))
            assert work is not None
            enqueue(tx, case, work)
            return work

        return home.database.write_now(operation).id

    join(home, "worker_1")
    work_id = enqueued()
    assert row_of(home, work_id).queue_name == queue_of("worker_1")

    home.database.write_now(lambda tx: workers.leave(tx, worker="worker_1"))
    bury(home)
    assert row_of(home, work_id).queue_name == QUEUE
    assert row_of(home, work_id).queue_partition_key == case.payer_id
    assert home.database.read_now(lambda tx: tx.work.state_of(work_id)) is WorkState.WAITING


def test_what_the_dead_ran_and_held_is_named_and_what_the_living_have_is_not(home: Home) -> None:
    dead_case, living_case = (store(home, cases.approved(home.clock)) for _ in range(2))
    join(home, "worker_1")
    join(home, "worker_2", lease_seconds=OVER)
    claim(home, living_case, "worker_1")
    claim(home, dead_case, "worker_2")

    left = bury(home)

    assert left.cases == (dead_case.id,)
    assert left.runners == ()


def test_the_offer_of_a_dead_worker_is_taken_back_and_its_case_goes_on(home: Home) -> None:
    case = store(home, cases.approved(home.clock))
    join(home, "worker_1")
    claim(home, case, "worker_1")
    seen = Observation(case.id, case.journal.run, "advance:1")
    home.database.write_now(
        lambda tx: handoffs.offer(tx, home.clock.moment(), seen, reason=OfferReason.UNKNOWN_PAGE, message="Look.")
    )
    home.database.write_now(lambda tx: workers.leave(tx, worker="worker_1"))

    for authorization_id in bury(home).cases * 2:
        home.database.write_now(
            lambda tx, each=authorization_id: workers.take_back(tx, home.clock.moment(), authorization_id=each)  # type: ignore[misc]
        )

    now = home.database.read_now(lambda tx: load(tx, case.id))
    assert now.status is Status.PROCESSING
    assert home.database.read_now(lambda tx: tx.sessions.of(case.id)) is None
    assert bury(home).cases == ()


def test_a_session_of_a_living_worker_is_not_taken_back(home: Home) -> None:
    case = store(home, cases.approved(home.clock))
    join(home, "worker_1")
    claim(home, case, "worker_1")

    home.database.write_now(lambda tx: workers.take_back(tx, home.clock.moment(), authorization_id=case.id))

    assert home.database.read_now(lambda tx: tx.sessions.of(case.id)) is not None


def served(home: Home, works: list[Work]) -> list[str]:
    """The works' ids in the order in which their places let them be served."""
    for work in works:
        home.database.write_now(lambda tx, each=work: tx.enqueue(each))  # type: ignore[misc]
    places = {work.id: row_of(home, work.id).priority for work in works}
    return sorted(places, key=lambda work_id: (places[work_id], [work.id for work in works].index(work_id)))


def work_of(number: int, organization: str, payer: str = "payer_1") -> Work:
    work = processing(f"auth_{organization}{number:03d}", run=1, turn=0)
    return Work(**{**{name: getattr(work, name) for name in Work.__slots__}, "line": Line(payer, organization)})


def test_an_organization_that_floods_a_payers_line_stands_behind_itself(home: Home) -> None:
    flood = [work_of(number, "flood") for number in range(30)]
    others = [work_of(number, "other") for number in range(3)]

    order = served(home, [*flood, *others])

    assert order[:6] == [flood[0].id, others[0].id, flood[1].id, others[1].id, flood[2].id, others[2].id]


def test_one_whose_flood_was_served_is_not_punished_for_it(home: Home) -> None:
    flood = [work_of(number, "flood") for number in range(10)]
    served(home, flood)
    home.database.write_now(_end_all)

    later = [work_of(number, "other") for number in range(10)] + [work_of(11, "flood")]

    assert served(home, later).index(later[-1].id) <= 1


def _end_all(tx: Transaction) -> None:
    schema = "dbos" if tx.connection.dialect.name == "postgresql" else None
    table = sa.table("workflow_status", sa.column("status"), schema=schema)
    tx.connection.execute(table.update().values(status="SUCCESS"))


def test_an_entry_follows_the_cases_last_one_whatever_the_clock_of_its_node_says(home: Home) -> None:
    case = home.case()
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    ahead, behind = (
        TimelineEntry(
            id=f"evt_{digit * 27}",
            type="portal_page",
            actor=SERVICE,
            occurred_at=home.clock.now,
            from_version=1,
            to_version=1,
            details={},
        )
        for digit in ("5", "4")
    )

    for each in (ahead, behind, behind):
        occurrence = Occurrence(authorization_id=case.id, entry=each)
        home.database.write_now(lambda tx, happened=occurrence: tx.timeline.append(happened))  # type: ignore[misc]

    page = home.database.read_now(lambda tx: tx.timeline.page(case.id, before=None, limit=9))
    assert [each.id for each in page] == sorted((each.id for each in page), reverse=True)
    assert page[-1].id == ahead.id
    assert len({each.id for each in page}) == 3


def test_a_key_is_taken_by_one_transaction_at_a_time(home: Home, request: pytest.FixtureRequest) -> None:
    scope = IdempotencyScope(home.caller.organization_id, "sandbox", "POST", "/v1/files", "one key")
    taken, checked = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> bool:
        mine = tx.idempotency.take(scope)
        taken.set()
        assert checked.wait(20)
        return mine

    if "sqlite" in request.node.name:
        # There, one writer at a time is all there is.
        assert home.database.write_now(lambda tx: tx.idempotency.take(scope))
        return
    holder = home.database._submit(hold)
    assert taken.wait(20)
    try:
        assert not home.database.write_now(lambda tx: tx.idempotency.take(scope))
    finally:
        checked.set()
    assert holder.result(20)
    assert home.database.write_now(lambda tx: tx.idempotency.take(scope))


def test_an_account_has_so_many_sessions_on_all_workers_together(home: Home) -> None:
    one, other = (store(home, cases.approved(home.clock)) for _ in range(2))
    held = claim(home, one, "worker_1", credential_id="cred_1")

    def asks(claimed: SessionClaim) -> bool:
        return home.database.write_now(lambda tx: live_sessions.claim(tx, claimed, at_most=1))

    wanted = replace(held, authorization_id=other.id, session_id="sess_2", worker="worker_2")
    assert not asks(wanted)
    assert asks(replace(wanted, credential_id="cred_2"))
    assert asks(held), "what is there is renewed"
    assert asks(replace(held, session_id="sess_3")), "a case's next session takes the place of its last one"
    home.database.write_now(
        lambda tx: live_sessions.release(tx, home.clock.moment(), authorization_id=one.id, session_id="sess_3")
    )
    assert asks(replace(wanted, session_id="sess_4"))
