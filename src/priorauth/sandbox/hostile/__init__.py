"""Portals that an attacker has taken over: off unless told, for tests of what the service lets leave and believes."""
