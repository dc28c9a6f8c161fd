"""Reads. A query is a synchronous function over a transaction and changes nothing."""
