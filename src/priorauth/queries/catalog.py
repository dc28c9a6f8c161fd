"""Reading the catalog: providers, payers, and the ways that lead from one to the other."""

from collections.abc import Iterator

from priorauth.domain.catalog import Payer, Provider, Route
from priorauth.domain.organizations import Caller
from priorauth.queries.pages import Page, page
from priorauth.store.transaction import Transaction


def providers(tx: Transaction, caller: Caller, *, cursor: str | None, limit: int) -> Page[Provider]:
    """Return a page of the providers for whom the caller's organization may act, by NPI. Raises BadRequest."""

    def fetch(after: str | None, count: int) -> list[Provider]:
        return tx.catalog.providers(
            caller.environment, after=_behind(after), limit=count, organization_id=caller.organization_id
        )

    return page(fetch, identify=lambda provider: f"npi_{provider.npi}", cursor=cursor, limit=limit)


def payers(
    tx: Transaction, caller: Caller, *, text: str | None, state: str | None, cursor: str | None, limit: int
) -> Page[Payer]:
    """Return a page of the payers, by id: those with `text` in a name, those that cover `state`. Raises BadRequest."""

    def fetch(after: str | None, count: int) -> list[Payer]:
        behind = (payer for payer in tx.catalog.payers(caller.environment) if payer.id > _behind(after))
        return [payer for payer in behind if _matches(payer, text=text, state=state)][:count]

    return page(fetch, identify=lambda payer: f"payer_{payer.id}", cursor=cursor, limit=limit)


def routes(tx: Transaction, caller: Caller, *, npi: str) -> Iterator[tuple[Payer, Route]]:
    """Yield every way that a provider may take on the caller's behalf."""
    for payer in tx.catalog.payers(caller.environment):
        if tx.catalog.allows(caller.organization_id, caller.environment, npi=npi, payer_id=payer.id):
            yield from ((payer, route) for route in payer.routes)


def _behind(position: str | None) -> str:
    return (position or "").partition("_")[2]


def _matches(payer: Payer, *, text: str | None, state: str | None) -> bool:
    names = (payer.id, payer.display_name, payer.brand or "", *payer.aliases)
    named = text is None or any(text.casefold() in name.casefold() for name in names)
    return named and (state is None or state in payer.supported_states)
