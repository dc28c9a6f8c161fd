"""Juniper Ridge Workspace: the portal of Juniper Ridge Health Partners, a single page over an API."""
