"""Starts a browser once, as the server would, and exits with 0 when it rendered a page.

A program of its own, so that a browser that hangs or takes its driver down harms nobody. It knows only what it is told:

    python -m priorauth.channels.portals.chromium_proof EXECUTABLE SANDBOXED(0|1) SECONDS ARGUMENT...
"""

from __future__ import annotations

import sys

from playwright.sync_api import Error, sync_playwright


def main(executable: str, sandboxed: str, seconds: str, *arguments: str) -> int:
    """Return 0 when the browser rendered a page, 1 when it did not."""
    milliseconds = float(seconds) * 1000
    with sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(
                executable_path=executable,
                args=arguments,
                chromium_sandbox=sandboxed == "1",
                timeout=milliseconds,
            )
            page = browser.new_page()
            page.set_default_timeout(milliseconds)
            page.goto("data:text/html,<p>it renders")
            rendered = page.inner_text("p") == "it renders"
            browser.close()
        except Error as error:
            print(error.message.strip(), file=sys.stderr)  # noqa: T201 - a program's own word
            return 1
    return 0 if rendered else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
