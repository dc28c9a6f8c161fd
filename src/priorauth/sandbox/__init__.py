"""Simulated payers: portals as strangers built them, and the scenarios that are played against them.

Nothing in here imports the rest of the product. The rest may read `catalog`; only the wiring may start `server`.
"""
