"""The numbers of the whole installation are read alike on every kind of database."""

from priorauth.commands import portal_health
from priorauth.domain.lifecycle import Status
from priorauth.queries.overview import overview
from priorauth.store.transaction import Transaction
from priorauth.store.work import processing
from tests.contracts.test_store import stored
from tests.factories.databases import Home


def test_cases_work_workers_and_portals_are_counted(home: Home) -> None:
    one, other = stored(home), stored(home)

    def operation(tx: Transaction) -> None:
        for number, delay in ((1, 0.0), (2, 300.0)):
            tx.enqueue(processing(f"auth_{number}", run=1, turn=0, delay_seconds=delay))
        tx.workers.add("living", url="http://living", lease_seconds=60)
        tx.workers.add("dead", url="http://dead", lease_seconds=-60)
        portal_health.note_fault(tx, home.clock.moment(), portal="juniper", address="", code="portal_unreachable")

    home.database.write_now(operation)
    found = home.database.read_now(lambda tx: overview(tx, home.clock.moment()))

    assert one.status is other.status
    assert found.cases == {**dict.fromkeys(Status, 0), one.status: 2}
    assert (found.work_waiting, found.work_running, found.work_delayed) == (1, 0, 1)
    assert found.oldest_wait >= 0
    assert found.workers == 1
    assert [(each.portal, each.faults) for each in found.portals] == [("juniper", 1)]
