"""The only way to change state. One file a noun.

A command is a synchronous function over a transaction that its caller commits: it loads, checks the version, lets the
domain decide, saves, appends to the timeline and enqueues the work that follows. It never starts work itself.
"""
