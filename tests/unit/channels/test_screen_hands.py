"""Keys become what a portal expects of a keyboard: the right number, and text only where a key writes."""

import pytest

from priorauth.channels.portals.screens.hands import key_event
from priorauth.domain.live.inputs import Key, Modifier, Motion


def down(key: str, code: str, modifiers: int = 0) -> dict[str, object]:
    return key_event(Key(motion=Motion.DOWN, key=key, code=code, modifiers=modifiers))


@pytest.mark.parametrize(
    ("key", "code", "number"),
    [
        pytest.param(".", "Period", 190, id="a dot is not Delete"),
        pytest.param("_", "Minus", 189, id="an underscore is not a space"),
        pytest.param("-", "Minus", 189, id="a hyphen is not Insert"),
        pytest.param("'", "Quote", 222, id="an apostrophe is not an arrow"),
        pytest.param("(", "Digit9", 57, id="a parenthesis is not an arrow down"),
        pytest.param("%", "Digit5", 53, id="a percent sign is not an arrow left"),
        pytest.param("a", "KeyQ", 65, id="a letter goes by its meaning on another layout"),
        pytest.param("ä", "Quote", 222, id="a letter of another alphabet goes by its place"),
        pytest.param("Delete", "Delete", 46, id="Delete"),
        pytest.param("Backspace", "", 8, id="a key without a place goes by its name"),
        pytest.param("7", "Numpad7", 103, id="the number pad"),
        pytest.param("ArrowLeft", "Numpad4", 37, id="the number pad without NumLock is arrows"),
        pytest.param("Home", "Numpad7", 36, id="and Home"),
        pytest.param("Delete", "NumpadDecimal", 46, id="and Delete"),
        pytest.param("Clear", "Numpad5", 12, id="and Clear in its middle"),
        pytest.param("Escape", "CapsLock", 27, id="a remapped key goes by its name"),
        pytest.param(" ", "", 32, id="a space without a place"),
        pytest.param("F5", "F5", 116, id="F5"),
        pytest.param("Dead", "Unknown", 0, id="what nobody knows has no number"),
    ],
)
def test_a_key_has_the_number_that_windows_gives_it(key: str, code: str, number: int) -> None:
    assert down(key, code)["windowsVirtualKeyCode"] == number


def test_a_key_that_means_a_character_writes_it() -> None:
    assert down("漢", "KeyK")["text"] == "漢"
    assert down("Enter", "Enter")["text"] == "\r"


@pytest.mark.parametrize("modifier", [Modifier.CONTROL, Modifier.ALT, Modifier.META])
def test_a_shortcut_writes_nothing(modifier: Modifier) -> None:
    event = down("a", "KeyA", modifier)

    assert "text" not in event
    assert event["type"] == "rawKeyDown"


@pytest.mark.parametrize(("key", "code"), [("@", "KeyQ"), ("€", "Digit5"), ("ą", "KeyA"), ("{", "Digit7")])
def test_a_character_by_altgr_is_written_though_told_as_ctrl_and_alt(key: str, code: str) -> None:
    event = down(key, code, Modifier.CONTROL | Modifier.ALT)

    assert (event["text"], event["modifiers"]) == (key, 0)


def test_a_key_that_goes_up_writes_nothing() -> None:
    assert "text" not in key_event(Key(motion=Motion.UP, key="a", code="KeyA"))
