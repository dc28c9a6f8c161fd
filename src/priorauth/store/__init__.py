"""The only place that knows SQL: tables, transactions, one file a noun.

A command gets a `Transaction` and sees nouns, never rows. Work for the engine is enqueued through the same
transaction, so that a change of a case and the work that it causes are committed together or not at all.
"""
