"""priorauth: a self-hosted prior-authorization server."""

__version__ = "0.1.0"
