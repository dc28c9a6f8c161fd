"""What a person enters for HTTP authentication."""

import json

import pytest

from priorauth.domain.live.inputs import GiveCredentials
from priorauth.live import messages


def _read(user: str, password: str) -> messages.Message:
    return messages.read(json.dumps({"type": "sign_in", "overlay": 3, "user": user, "password": password}))


@pytest.mark.parametrize("password", ["", "pass:wörd", "x" * 250])
def test_a_user_name_and_a_password_are_read(password: str) -> None:
    read = _read("nora.alder", password)

    assert read == GiveCredentials(overlay=3, user="nora.alder", password=password)
    assert not password or password not in repr(read)


@pytest.mark.parametrize(
    ("user", "password"),
    [("", "p"), ("a:b", "p"), ("a\r\nX: y", "p"), ("a", "p\0"), ("x" * 251, "p"), ("a", "x" * 251)],
)
def test_what_no_header_carries_is_not_read(user: str, password: str) -> None:
    with pytest.raises(messages.Malformed):
        _read(user, password)
