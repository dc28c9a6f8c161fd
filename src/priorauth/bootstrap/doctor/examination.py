"""All checks in their order: first what the machine shows, then what the database tells, if it can be opened."""

from collections.abc import Iterator

from priorauth.bootstrap.doctor import data, machine
from priorauth.bootstrap.doctor.findings import Finding, Level, fault, findings, ok
from priorauth.settings import Settings
from priorauth.store.keeping.backups import DATABASE


def examine(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Yield what each check finds."""
    yield "settings", ok(f"They are valid, for {settings.environment.value}. `priorauth settings` explains them.")
    seen = dict(findings(machine.CHECKS, settings))
    yield from seen.items()
    if seen["keys"].level is not Level.OK:
        yield "database", fault("It is not opened without its keys.")
    elif settings.database_url is None and not (settings.data_dir / DATABASE).is_file():
        yield "database", fault(f"There is none in {settings.data_dir}. `priorauth migrate` makes it.")
    else:
        with data.opened(settings) as there:
            yield from findings(data.CHECKS, there)
