"""Larkspur Provider Connection: the portal of Larkspur Health Plan."""
