"""What may be read of one page: the one that is open when a handoff starts, or where an answer of the portal leads.

A page's script can choose the address that is open, so the address alone opens nothing: only what the adapter's
boundary declares for it. Must not depend on pages or on portals.
"""

import re
from dataclasses import replace
from urllib.parse import urlsplit

from priorauth.channels.portals.submit_guard.boundary import Boundary, ReadRule, Rule


def start_page_reads(whole: Boundary, start_url: str) -> tuple[ReadRule, ...]:
    """Return rules that read the page without a query, as far as the whole boundary reads its path so."""
    path = urlsplit(start_url).path or "/"
    return tuple(
        replace(rule, path=re.escape(path), query=())
        for rule in whole.reads
        if rule.covers_path(path) and not any(parameter.required for parameter in rule.query)
    )


def start_page_writes(whole: Boundary, start_url: str) -> tuple[Rule, ...]:
    """Return rules that POST to the page's path, as far as the whole boundary writes so."""
    path = urlsplit(start_url).path or "/"
    return tuple(
        replace(rule, path=re.escape(path), methods=frozenset({"POST"}))
        for rule in whole.writes
        if "POST" in rule.methods and rule.covers_path(path)
    )
