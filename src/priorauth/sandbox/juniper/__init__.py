"""Juniper Ridge Health Partners' portal, 'Juniper Ridge Workspace': one page, and a JSON API behind it."""
