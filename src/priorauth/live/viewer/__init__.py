"""The viewer's page: plain files, no build, nothing from another host, and no script or style inside the document.

`index.html` is served as `/runtime/live`, without a slash at its end; it asks for the other files below `live/`, and
for the socket as `live/socket`.
"""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_FILES: Final = {file.name: file for file in _FOLDER.iterdir() if file.suffix in _MEDIA_TYPES}


def viewer_file(name: str) -> tuple[bytes, str] | None:
    """Return a file of the page and its media type, or None when the page has no such file."""
    file = _FILES.get(name)
    return (file.read_bytes(), _MEDIA_TYPES[file.suffix]) if file is not None else None
