"""How long one sweep takes, and what it asks of the database: `python -m benchmarks.sweeps [CASES]`.

The cases wait for their payer, and nothing is wrong with any: what each of them costs is looking.
"""

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.databases import CountedPostgres
from priorauth.bootstrap.logs import configure_logging
from priorauth.commands.record import enqueue_next
from priorauth.engine.retries import Bounds
from priorauth.engine.sweeper import Sweeper
from priorauth.store.ids import new_id
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.databases import Home, postgres_home


def fill(home: Home, amount: int) -> None:
    """Store so many cases that wait for their payer, with the looks that are due later."""

    def batch(tx: Transaction) -> None:
        for _ in range(amount):
            case = replace(
                cases.submitted(home.clock),
                id=new_id("auth"),
                organization_id=home.caller.organization_id,
                payer_version=home.payer_version,
            )
            tx.authorizations.add(case)
            enqueue_next(tx, case)

    home.database.write_now(batch)


async def main(amount: int) -> None:
    """Sweep, and print a row."""
    configure_logging("error")
    with tempfile.TemporaryDirectory() as folder, postgres_home(Path(folder)) as home:
        fill(home, amount)
        counted = CountedPostgres(home.database.url)
        sweeper = Sweeper(
            database=home.database,
            channels={},
            present=home.clock.moment,
            bounds=Bounds(),
            worker="worker_0",
            interval_seconds=30,
        )
        counted.settle()
        before, used, began = counted.counters()["transactions"], time.process_time(), time.monotonic()
        resumed = await sweeper.sweep(lambda _: False)
        took, busy = time.monotonic() - began, time.process_time() - used
        counted.settle()
        asked = counted.counters()["transactions"] - before
        print(f"{amount} open cases, {resumed} of them had lost their work")
        print(f"{took:.1f} s by the clock; each case {asked / amount:.2f} transactions", end=", ")
        print(f"{busy / amount * 1000:.2f} ms of the worker's processor")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
