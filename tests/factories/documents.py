"""Documents as customers send them: pictures, faxes, PDFs, and what only looks like one."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image

HEIC = (Path(__file__).parents[1] / "data" / "photo.heic").read_bytes()


def picture(kind: str, mode: str = "L", *, pages: int = 1, **how: Any) -> bytes:
    """A picture, blank but for a line."""
    drawn = Image.new("RGB", (120, 80), "white")
    drawn.paste((0, 0, 0), (10, 10, 110, 12))
    out = io.BytesIO()
    more = {"save_all": True, "append_images": [drawn.convert(mode)] * (pages - 1)} if pages > 1 else {}
    drawn.convert(mode).save(out, kind, **more, **how)
    return out.getvalue()


def pdf(*, password: str | None = None, pages: int = 1, root: dict[str, Any] | None = None) -> bytes:
    """A PDF of blank pages, with more in its catalog."""
    document, out = pikepdf.new(), io.BytesIO()
    for _ in range(pages):
        document.add_blank_page()
    for name, value in (root or {}).items():
        document.Root[name] = value
    encryption = pikepdf.Encryption(owner="owner", user=password) if password is not None else False
    document.save(out, encryption=encryption)
    return out.getvalue()


def broken_page() -> bytes:
    """A PDF whose page is no stream of the compression that it names."""
    document, out = pikepdf.new(), io.BytesIO()
    page = document.add_blank_page()
    page.obj["/Contents"] = document.make_stream(b"no deflated data", Filter=pikepdf.Name("/FlateDecode"))
    document.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)
    return out.getvalue()


def bomb() -> bytes:
    """A PDF of some kilobytes whose page has two gigabytes."""
    deflate = zlib.compressobj(9)
    head = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    once = head + block * 2047 + deflate.flush()
    document, out = pikepdf.new(), io.BytesIO()
    page = document.add_blank_page()
    filters = pikepdf.Array([pikepdf.Name("/FlateDecode")] * 2)
    page.obj["/Contents"] = document.make_stream(zlib.compress(once, 9), Filter=filters)
    document.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)
    return out.getvalue()


def giant() -> bytes:
    """The beginning of a PNG that says how large it is."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + picture("PNG")[33:]
    )
