"""The viewer's page is made of its own files alone, under the strictest policy."""

import re
from pathlib import Path

import pytest

import priorauth.live.viewer
from priorauth.live.viewer import viewer_file

FILES = sorted(
    file.name
    for file in Path(priorauth.live.viewer.__file__).parent.iterdir()
    if file.suffix in (".html", ".css", ".js")
)


@pytest.mark.parametrize("name", FILES)
def test_a_file_names_no_other_host(name: str) -> None:
    found = viewer_file(name)

    assert found is not None
    assert re.search(rb"https?://|//[a-z]+\.", found[0]) is None


def test_what_the_page_asks_for_is_there() -> None:
    page, media_type = viewer_file("index.html") or (b"", "")
    asked = re.findall(rb'(?:src|href)="live/([^"]+)"', page)
    for name in FILES:
        script = (viewer_file(name) or (b"", ""))[0]
        asked += re.findall(rb'from "\./([^"]+)"', script)

    assert media_type == "text/html; charset=utf-8"
    assert b"viewer.js" in asked
    assert [name for name in asked if viewer_file(name.decode()) is None] == []


def test_the_page_has_no_script_and_no_style_inside() -> None:
    page, _ = viewer_file("index.html") or (b"", "")

    assert re.search(rb"<style|<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", page) is None


@pytest.mark.parametrize("name", ["../hub.py", "__init__.py", "", "/etc/passwd", "viewer.js/"])
def test_nothing_else_is_served(name: str) -> None:
    assert viewer_file(name) is None
