"""All checks in their order: first what the machine shows, then what the database tells, if it can be opened."""

from collections.abc import Iterator
from contextlib import ExitStack

from priorauth.bootstrap.doctor import data, machine
from priorauth.bootstrap.doctor.findings import Finding, Level, fault, findings, ok, told, warning
from priorauth.settings import Settings
from priorauth.store.keeping import moved
from priorauth.store.keeping.backups import DATABASE


def examine(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Yield what each check finds."""
    yield "settings", ok(f"They are valid, for {settings.environment.value}. `priorauth settings` explains them.")
    seen = dict(findings(machine.CHECKS, settings))
    yield from seen.items()
    if seen["keys"].level is not Level.OK:
        yield from _unseen("It is not opened without its keys.")
    elif settings.database_url is None and moved.elsewhere(settings.data_dir) is not None:
        yield from _unseen("It is not in this folder, and PRIORAUTH_DATABASE_URL is not set.")
    elif settings.database_url is None and not (settings.data_dir / DATABASE).is_file():
        yield from _unseen(f"There is none in {settings.data_dir}. `priorauth migrate` makes it.")
    else:
        yield from examine_data(settings)


def _unseen(why: str) -> Iterator[tuple[str, Finding]]:
    """Yield the fault of the database, and that the other checks were not carried out: each has its line."""
    yield "database", fault(why)
    yield from ((name, warning("Not checked: it needs the database.")) for name in data.CHECKS if name != "database")


def examine_data(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Yield what the database tells, a finding for each check, even if it cannot be opened."""
    with ExitStack() as stack:
        try:
            there = stack.enter_context(data.opened(settings))
        except Exception as error:  # noqa: BLE001 - as for each of the checks
            yield from ((name, fault(f"It could not be checked: {told(error)}.")) for name in data.CHECKS)
            return
        yield from findings(data.CHECKS, there)
