"""How long a case takes from its confirm to the payer's receipt, and how much of that is the walk through the portal.

    .venv/bin/python -m benchmarks.receipt [RUNS]

Both are measured in one run on one machine, against the simulated payer: the whole way (HTTP, engine, browser, portal)
and the bare channel. Quote the ratio; the seconds belong to the machine.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from priorauth.bootstrap.logs import configure_logging
from priorauth.domain.submissions import PayerReceipt
from tests.factories.channels import portal_world
from tests.factories.jobs import job_of
from tests.factories.servers import Integrator, ServerProcess

SCENARIO = "quickstart_receipt"


def whole_way(runs: int) -> list[float]:
    """Seconds from the confirm to `waiting_on_payer`, as a client sees them."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder) / "data").start()
        integrator = Integrator(server, server.new_key())
        taken = []
        for _ in range(runs):
            case = integrator.create(SCENARIO)
            case = integrator.drive(case, SCENARIO, until=lambda case: case["status"] == "processing")[-1]
            began = time.perf_counter()
            integrator.drive(case, SCENARIO, until=lambda case: case["status"] == "waiting_on_payer")
            taken.append(time.perf_counter() - began)
        server.stop()
        return taken


async def bare_channel(runs: int) -> list[float]:
    """Seconds of the channel alone: browser, sign-in, form, submit, receipt."""

    async def yes() -> bool:
        return True

    taken = []
    with tempfile.TemporaryDirectory() as folder:
        async with portal_world(Path(folder)) as world:
            for number in range(runs):
                began = time.perf_counter()
                receipt = await world.channel.submit(job_of(SCENARIO, case=f"case_{number}"), allowed=(), intend=yes)
                taken.append(time.perf_counter() - began)
                assert isinstance(receipt, PayerReceipt)
                await world.channel.let_go(f"case_{number}")
    return taken


def main() -> None:
    """Measure, and print the table."""
    configure_logging("error")
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    channel, whole = asyncio.run(bare_channel(runs)), whole_way(runs)
    baseline = statistics.median(channel)
    sys.stdout.write(f"{runs} runs each          median       max   ratio\n")
    for name, taken in (("the bare channel", channel), ("confirm to receipt", whole)):
        median = statistics.median(taken)
        sys.stdout.write(f"{name:<20} {median:6.2f} s  {max(taken):6.2f} s  {median / baseline:6.2f}\n")


if __name__ == "__main__":
    main()
