"""Larkspur Health Plan's portal, 'Larkspur Provider Connection': a payer as a stranger would have built it."""
