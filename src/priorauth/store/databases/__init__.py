"""One file a database: how its transactions run, and what it wants otherwise than the other."""
