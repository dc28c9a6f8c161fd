"""The cookies that a portal has set: what is remembered, replaced, deleted and ignored."""

import json

import pytest

from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.submit_guard.cookies import PortalCookies

PAGE = Url.parse("https://portal.example.com/requests/list")


def noted(*headers: str, cookies: PortalCookies | None = None) -> PortalCookies:
    """The memory after an answer with these Set-Cookie headers."""
    found = cookies or PortalCookies()
    found.note(PAGE, [(b"Set-Cookie", each.encode()) for each in headers])
    return found


def test_cookie_is_remembered_with_its_attributes() -> None:
    assert noted("sid=a1; Path=/; HttpOnly; Secure; SameSite=Lax").current() == [
        {
            "name": "sid",
            "value": "a1",
            "domain": "portal.example.com",
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": True,
            "sameSite": "Lax",
        }
    ]


def test_cookie_without_a_path_is_of_its_folder() -> None:
    assert noted("sid=a1").current()[0]["path"] == "/requests"


def test_cookie_that_is_set_again_replaces_the_earlier_one() -> None:
    assert [each["value"] for each in noted("sid=a1; Path=/", "sid=b2; Path=/").current()] == ["b2"]


@pytest.mark.parametrize("deletion", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_cookie_that_is_deleted_is_forgotten(deletion: str) -> None:
    assert noted("sid=a1; Path=/", f"sid=; Path=/; {deletion}").current() == []


@pytest.mark.parametrize("domain", ["example.com", ".example.com"])
def test_cookie_of_a_domain_above_is_remembered(domain: str) -> None:
    assert noted(f"sid=a1; Domain={domain}").current()[0]["domain"] == ".example.com"


@pytest.mark.parametrize(
    "header",
    ["sid", "=a1", "sid=a1; Domain=other.example", "sid=a1; Domain=com", f"sid={'a' * 5000}", "sid=a\x01b"],
)
def test_what_a_browser_ignores_is_ignored(header: str) -> None:
    assert noted(header).current() == []


def test_number_of_cookies_is_bounded() -> None:
    names = [each["name"] for each in noted(*(f"c{n}=x" for n in range(250))).current()]

    assert len(names) == 200
    assert names[-1] == "c249"


def test_kept_cookies_are_there_from_the_beginning() -> None:
    kept = noted("sid=a1; Path=/").current()
    cookies = PortalCookies(json.dumps({"cookies": kept, "origins": []}).encode())

    assert cookies.current() == kept
    assert noted("sid=; Path=/; Max-Age=0", cookies=cookies).current() == []
