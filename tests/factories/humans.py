"""A human at the payer: a real browser on the address of an access grant, and hands that type and press in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from priorauth.channels.portals.chromium import find_chromium, keeps_sandbox, launch_arguments

VERIFY, REVIEW, RECEIVED = "Verify your identity", "Review", "Request received"
# At its portal a person attests, and is asked whether to submit.
ATTESTS = "Juniper Ridge"


class Human:
    """Somebody who has been given addresses of live sessions."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def take_control(self, url: str) -> None:
        """Open an interactive address and wait until the session is in hand."""
        self.page.goto(url)
        expect(self.page.locator("#who")).to_have_text("You are in control")
        expect(self.page.locator("#keys")).to_be_focused()

    def sees(self, title: str) -> None:
        """Wait until the session shows a page with this title."""
        expect(self.page.locator("#tabs")).to_contain_text(title)

    def has_left(self, title: str) -> None:
        """Wait until the session shows a page with another title."""
        expect(self.page.locator("#tabs")).not_to_contain_text(title)

    def enter(self, text: str = "") -> None:
        """Type where the portal's cursor stands, and press Enter."""
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def enter_code(self, code: str) -> None:
        """Enter a one-time code where the portal asks for it, and wait until the portal has let them go on."""
        self.sees(VERIFY)
        self.enter(code)
        expect(self.page.locator("#tabs")).not_to_contain_text(VERIFY)

    def submit(self) -> None:
        """Press the portal's last button, whatever it asks on the way, and wait until the portal has received it."""
        self.sees(REVIEW)
        if ATTESTS in (self.page.locator("#tabs").text_content() or ""):
            for key in ("Space", "Tab", "Tab", "Enter"):
                self.page.keyboard.press(key)
            self.page.get_by_role("alertdialog").get_by_role("button", name="OK").click()
        else:
            self.enter()
        self.sees(RECEIVED)

    def is_in_the_dark(self) -> None:
        """Wait until the view has ended, a second at most."""
        expect(self.page.locator("#dark")).to_be_visible(timeout=1_000)


@contextmanager
def human() -> Iterator[Human]:
    """Give somebody with a browser of their own."""
    executable = find_chromium(None)
    arguments = launch_arguments(executable=executable)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=executable, args=arguments, chromium_sandbox=keeps_sandbox(arguments)
        )
        yield Human(browser.new_page(viewport={"width": 1300, "height": 900}))
        browser.close()
