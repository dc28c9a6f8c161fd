"""A process that writes until it is killed, and names on stdout each write that was acknowledged."""

import asyncio
import os
import sys
from pathlib import Path

from priorauth.domain.organizations import Organization
from priorauth.store import data_folder
from priorauth.store.database import Database
from priorauth.store.databases import sqlite
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction

WRITERS = 4


async def write_for_ever(database: Database) -> None:
    moment = present()

    def operation(tx: Transaction) -> str:
        organization = Organization(moment.new_id("org"), moment.new_id("name"))
        tx.organizations.add(organization, moment)
        return organization.name

    while True:
        name = await database.write(operation)
        # One write of the system a line: a killed process leaves no half one behind.
        os.write(sys.stdout.fileno(), f"{name}\n".encode())


async def main(folder: Path) -> None:
    with data_folder.held(folder):
        database = Database(sqlite.database_url(folder), data_folder.sealer(folder))
        await asyncio.gather(*(write_for_ever(database) for _ in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
