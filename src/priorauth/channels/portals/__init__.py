"""Payers reached through their web portals, by a browser."""
