"""Routes, one file a noun: each parses, calls one command or query, and renders."""
