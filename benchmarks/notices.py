"""What saying that something has changed costs PostgreSQL: `python -m benchmarks.notices`.

Clients that each commit changes of a row of their own, with NOTIFY and without, and with more and more who listen. The
loops run in the server, so that no client is measured. PostgreSQL lets transactions that notify commit one by one.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg

from tests.factories import postgres

_CLIENTS, _COMMITS = (1, 8), 600
_LISTENERS = (0, 20)
_LOOP = """DO $$ BEGIN FOR i IN 1..{commits} LOOP
    UPDATE marks SET n = n + 1 WHERE id = {client}; {notify} COMMIT;
END LOOP; END $$"""


def commits_a_second(url: str, *, clients: int, notify: bool) -> float:
    """Return how many commits a second so many clients get done together."""

    def work(client: int) -> None:
        said = f"PERFORM pg_notify('changes', '{client}_' || i);" if notify else ""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_LOOP.format(commits=_COMMITS, client=client, notify=said))

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))
    return clients * _COMMITS / (time.monotonic() - began)


def main() -> None:
    """Print commits a second."""
    print(f"{'clients':>8}{'listeners':>11}{'commits/s':>12}{'with NOTIFY':>13}{'of it':>7}")
    with postgres.fresh_database() as url, ExitStack() as stack:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE marks AS SELECT id, 0 AS n FROM generate_series(0, 63) id")
            connection.execute("ALTER TABLE marks ADD PRIMARY KEY (id)")
        listening = 0
        for listeners in _LISTENERS:
            for _ in range(listeners - listening):
                listener = stack.enter_context(psycopg.connect(url, autocommit=True))
                listener.execute("LISTEN changes")
            listening = listeners
            for clients in _CLIENTS:
                without = commits_a_second(url, clients=clients, notify=False)
                saying = commits_a_second(url, clients=clients, notify=True)
                print(f"{clients:>8}{listeners:>11}{without:>12,.0f}{saying:>13,.0f}{saying / without:>7.0%}")


if __name__ == "__main__":
    main()
