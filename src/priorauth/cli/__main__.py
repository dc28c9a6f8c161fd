"""`python -m priorauth.cli`: the same commands, for whoever starts a server from Python."""

from priorauth.cli.main import app

app()
