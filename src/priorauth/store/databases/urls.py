"""Which database a URL names. No driver is imported for it."""


def is_postgresql(url: str) -> bool:
    """Say whether a URL names a PostgreSQL."""
    return url.startswith(("postgresql:", "postgresql+psycopg:", "postgres:"))
