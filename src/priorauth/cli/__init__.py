"""The command line: `priorauth serve`, `demo`, `keys`, `openapi`, `settings`."""
