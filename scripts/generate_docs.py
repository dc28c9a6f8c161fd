#!/usr/bin/env python3
"""Writes the pages of docs/ that say what the code decides: the lifecycle, the tables of error codes and of metrics.

With --check it writes nothing and fails when a page is stale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from priorauth.domain.errors import every_error
from priorauth.domain.lifecycle import TRANSITIONS, Event, Status
from priorauth.telemetry import families

NOTE = "<!-- Written by scripts/generate_docs.py. Change the code, then run it. -->"


def lifecycle() -> Iterator[str]:
    """Yield the lines of the lifecycle's page."""
    yield from (NOTE, "", "# Lifecycle of an authorization", "")
    yield "One table, `src/priorauth/domain/lifecycle.py`, decides every status. A move that is not in it is refused"
    yield "and changes nothing."
    yield from ("", "```mermaid", "stateDiagram-v2", "    [*] --> requires_input", "    [*] --> requires_confirmation")
    for (status, event), target in TRANSITIONS.items():
        if status is not target:
            yield f"    {status} --> {target}: {event}"
    yield from (f"    {status} --> [*]" for status in Status if status.is_final)
    yield from ("```", "", "An arrow back to the same status is left out of the diagram; the table has them all.", "")
    yield from ("## Transitions", "", "| from | event | to |", "|---|---|---|")
    yield from (f"| `{status}` | `{event}` | `{target}` |" for (status, event), target in TRANSITIONS.items())
    yield from ("", "## Events", "", "| event | meaning |", "|---|---|")
    yield from (f"| `{event}` | {event.meaning} |" for event in Event)


def errors() -> Iterator[str]:
    """Yield the lines of the errors' page."""
    yield from (NOTE, "", "# Errors", "")
    yield "Every refusal has one of these codes; clients match the code and never the message. A retryable one may"
    yield "succeed when the same request is sent again."
    yield from ("", "| code | kind | retryable | meaning |", "|---|---|---|---|")
    for error in every_error():
        yield f"| `{error.code}` | {error.kind} | {'yes' if error.retryable else 'no'} | {error.meaning} |"


def metrics() -> Iterator[str]:
    """Yield the lines of the metrics' page."""
    yield from (NOTE, "", "# Metrics", "")
    yield "What `GET /metrics` shows; [observing.md](observing.md) says to whom. There are also the process's own,"
    yield "as Prometheus' client for Python names them (`process_…`, `python_…`). Times are in seconds."
    yield from ("", "| metric | kind | labels | meaning |", "|---|---|---|---|")
    for family in families.EVERY:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{family.name}` | {family.kind} | {labels} | {family.meaning} |"


PAGES: dict[str, Callable[[], Iterator[str]]] = {"lifecycle.md": lifecycle, "errors.md": errors, "metrics.md": metrics}


def main() -> int:
    """Write the pages, or return 1 when --check finds one stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent.parent / "docs")
    arguments = parser.parse_args()
    stale = False
    for name, lines in PAGES.items():
        page, text = arguments.folder / name, "\n".join(lines()) + "\n"
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if arguments.check:
            print(f"{page} is stale: run scripts/generate_docs.py")
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page}")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
