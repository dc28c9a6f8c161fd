"""A human at the payer: a real browser on the address of an access grant, and hands that type and press in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from priorauth.channels.portals.chromium import find_chromium, keeps_sandbox, launch_arguments

VERIFY, REVIEW, RECEIVED = "Verify your identity", "Review", "Request received"
# At its portal a person attests, and is asked whether to submit.
ATTESTS = "Juniper Ridge"
# On text of the portals' pages, where a click presses nothing and Tab leads on to what comes after.
_ABOVE_THE_CODE, _IN_THE_REVIEW = (640, 160), (640, 300)


class Human:
    """Somebody who has been given addresses of live sessions."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        """Open an interactive address and wait until the session is in hand; nothing has been started."""
        self.page.goto(url)
        expect(self.page.locator("#who")).to_have_text("You are in control")
        expect(self.page.locator("#arrival")).to_be_visible()
        # Nobody presses anything before there is a picture.
        expect(self.page.locator("#screen[data-frame]")).to_be_visible()

    def start(self) -> None:
        """Press Start."""
        self.page.get_by_role("button", name="Start").click()
        expect(self.page.locator("#arrival")).to_be_hidden()

    def take_control(self, url: str) -> None:
        """Open an interactive address, and start."""
        self.open(url)
        self.start()

    def sees(self, title: str) -> None:
        """Wait until the session shows a page with this title."""
        expect(self.page.locator("#tabs")).to_contain_text(title)

    def has_left(self, title: str) -> None:
        """Wait until the session shows a page with another title."""
        expect(self.page.locator("#tabs")).not_to_contain_text(title)

    def click(self, x: float, y: float) -> None:
        """Click where the portal's page has these coordinates."""
        self.page.mouse.click(*self.place(x, y))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where in the viewer these coordinates of the portal's page are."""
        box = self.page.locator("#screen").bounding_box()
        assert box is not None
        return box["x"] + x * box["width"] / 1280, box["y"] + y * box["height"] / 800

    def enter(self, text: str) -> None:
        """Click above the page's first field, go to it, type, and press Enter."""
        self.click(*_ABOVE_THE_CODE)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def enter_code(self, code: str) -> None:
        """Enter a one-time code where the portal asks for it, and wait until the portal has let them go on."""
        self.sees(VERIFY)
        self.enter(code)
        expect(self.page.locator("#tabs")).not_to_contain_text(VERIFY)

    def press_last_button(self) -> None:
        """Click into the review, go on to the portal's last button and press it, whatever it asks on the way."""
        self.click(*_IN_THE_REVIEW)
        if ATTESTS in (self.page.locator("#tabs").text_content() or ""):
            for key in ("Tab", "Space", "Tab", "Tab", "Enter"):
                self.page.keyboard.press(key)
            self.page.get_by_role("alertdialog").get_by_role("button", name="OK").click()
        else:
            for key in ("Tab", "Tab", "Enter"):
                self.page.keyboard.press(key)

    def submit(self) -> None:
        """Press the portal's last button, and wait until the portal has received what it submits."""
        self.sees(REVIEW)
        self.press_last_button()
        self.sees(RECEIVED)

    def says_done(self, outcome: str | None = None) -> None:
        """Give the session back in the viewer, with the outcome that it proposes, or another one."""
        self.page.get_by_role("button", name="Done").click()
        if outcome is not None:
            self.page.get_by_role("radio", name=outcome).check()
        self.page.get_by_role("button", name="Yes, I am done").click()

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
