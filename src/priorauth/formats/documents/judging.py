"""What a document's bytes are. Runs in a child process alone (`child`): whatever goes wrong here ends nothing else.

The libraries that read PDFs and pictures raise whatever they like at hostile bytes, so that any error of theirs says
that the document cannot be read.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pikepdf
from PIL import Image, ImageSequence

PDF, JPEG, PNG, TIFF, HEIC = "application/pdf", "image/jpeg", "image/png", "image/tiff", "image/heic"
_PICTURES = {JPEG: "JPEG", PNG: "PNG", TIFF: "TIFF", HEIC: "HEIF"}
# Readers look so far for a PDF's header: scanners and mail gateways write something before it.
_BEFORE_HEADER = 1024
_BEGINNINGS = {
    JPEG: (b"\xff\xd8\xff",),
    PNG: (b"\x89PNG\r\n\x1a\n",),
    TIFF: (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
# The kinds of HEIF that hold pictures in HEVC.
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc")
_OUT_OF_MEMORY = "bad_alloc"
_PIXELS = 100_000_000
_PIXELS_OF_ALL_PAGES = 1_000_000_000
_QUALITY = 90
_WHITE = (255, 255, 255)
_MODES_OF_A_PDF = ("1", "L", "RGB", "CMYK")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found: why the document cannot be used, what to look at, and the form in which it is sent if another.

    `failure` and each of `warnings` are a code and a sentence; `sent` is a content type with bytes.
    """

    failure: tuple[str, str] | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    sent: tuple[str, bytes] | None = None


_TOO_COMPLEX = ("too_complex", "The PDF is far larger unpacked than it should be. Print it to a new PDF.")
_UNREADABLE = ("unreadable_pdf", "The PDF cannot be opened. Export it again.")


def judge(content: bytes, content_type: str) -> Judgement:
    """Judge a document's bytes by the type that was declared.

    Args:
        content: all of its bytes.
        content_type: one of the types that are taken.
    """
    if not content:
        return Judgement(("empty_file", "The file has no bytes. Declare it again and upload its content."))
    if not _begins_as(content, content_type):
        return Judgement(("content_mismatch", f"The bytes are not of the declared type {content_type}."))
    return _judge_pdf(content) if content_type == PDF else _judge_picture(content, content_type)


def _begins_as(content: bytes, content_type: str) -> bool:
    if content_type == PDF:
        return b"%PDF-" in content[: _BEFORE_HEADER + 5]
    if content_type == HEIC:
        return content[4:8] == b"ftyp" and content[8:12] in _BRANDS
    return content.startswith(_BEGINNINGS[content_type])


# --- PDF -------------------------------------------------------------------------------------------------------------


def _judge_pdf(content: bytes) -> Judgement:
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            failure = _failure_of(document)
            return Judgement(failure) if failure else Judgement(warnings=tuple(_active(document)))
    except pikepdf.PasswordError:
        return Judgement(("encrypted_pdf", "The PDF needs a password. Save it without one."))
    except MemoryError:
        return Judgement(_TOO_COMPLEX)
    except Exception as error:  # noqa: BLE001 - see above
        return Judgement(_TOO_COMPLEX if _OUT_OF_MEMORY in str(error) else _UNREADABLE)


def _failure_of(document: pikepdf.Pdf) -> tuple[str, str] | None:
    """Return why a PDF that was opened cannot be used. Raises whatever the library does."""
    if document.is_encrypted:
        return "encrypted_pdf", "The PDF is encrypted. Save it without encryption."
    named = document.Root.Pages.get("/Count", 0)
    if not document.pages:
        return "unreadable_pdf", "The PDF has no pages."
    if isinstance(named, int) and named > len(document.pages):
        return "unreadable_pdf", f"The PDF says that it has {named} pages, and {len(document.pages)} can be read."
    for page in document.pages:
        _read(page)
    if any(_OUT_OF_MEMORY in warning for warning in map(str, document.get_warnings())):
        # It was opened by guessing, since a part of it does not fit into memory.
        return _TOO_COMPLEX
    if bool(document.Root.get("/NeedsRendering", False)):
        # What every other reader shows of it is a page that says "Please wait".
        return "xfa_form", "The PDF is a form that only Adobe's reader fills (XFA). Print it to a PDF."
    return None


def _read(page: pikepdf.Page) -> None:
    """Read what a page shows, as every reader has to. Raises whatever the library does."""
    contents = page.obj.get("/Contents")
    parts = contents if isinstance(contents, pikepdf.Array) else [contents]
    for part in parts:
        if isinstance(part, pikepdf.Stream):
            part.read_bytes()


def _active(document: pikepdf.Pdf) -> Iterator[tuple[str, str]]:
    """Yield a warning for each kind of content that does something of its own."""
    kinds = {kind for each in document.objects for kind in _kinds(each)}
    if "javascript" in kinds:
        yield "javascript", "The PDF holds scripts. Payers may refuse it: print it to a PDF to be sure."
    if "launch" in kinds:
        yield "launch_action", "The PDF starts programs or opens addresses by itself. Print it to a PDF to be sure."
    if "embedded" in kinds:
        yield "embedded_files", "Other files lie in the PDF. Payers see the pages alone: send those files apart."


def _kinds(value: Any) -> Iterator[str]:  # noqa: ANN401 - any object of a PDF
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, pikepdf.Array):
            pending += _direct(each)
        elif isinstance(each, pikepdf.Dictionary | pikepdf.Stream):
            if each.get("/S") == "/JavaScript" or "/JS" in each:
                yield "javascript"
            if each.get("/S") == "/Launch":
                yield "launch"
            if "/EF" in each or each.get("/Type") == "/EmbeddedFile":
                yield "embedded"
            pending += _direct(value for _, value in each.items())


def _direct(values: Iterable[Any]) -> Iterator[pikepdf.Object]:
    """Yield the objects that lie here and not elsewhere in the document. Numbers and such are no objects."""
    return (each for each in values if isinstance(each, pikepdf.Object) and not each.is_indirect)


# --- pictures --------------------------------------------------------------------------------------------------------


def _judge_picture(content: bytes, content_type: str) -> Judgement:
    Image.MAX_IMAGE_PIXELS = None
    if content_type == HEIC:
        from pi_heif import register_heif_opener  # noqa: PLC0415 - needed for these alone

        register_heif_opener(thumbnails=False)
    try:
        with Image.open(io.BytesIO(content), formats=[_PICTURES[content_type]]) as picture:
            pages = getattr(picture, "n_frames", 1) if content_type == TIFF else 1
            pixels = picture.width * picture.height
            if pixels > _PIXELS or pixels * pages > _PIXELS_OF_ALL_PAGES:
                limit = _PIXELS // 1_000_000
                return Judgement(("image_too_large", f"The picture has more than {limit} megapixels. Scale it down."))
            if content_type == TIFF:
                _require_all_pages(content)
                return Judgement(sent=(PDF, _as_pdf(picture)))
            if content_type == PNG:
                # Decoding does not need the last chunk. What was verified cannot be decoded any more.
                with Image.open(io.BytesIO(content), formats=["PNG"]) as whole:
                    whole.verify()
            picture.load()
            return Judgement(sent=(JPEG, _as_jpeg(picture)) if content_type == HEIC else None)
    except Exception:  # noqa: BLE001 - see above; MemoryError is one of them
        return Judgement(("unreadable_image", "The picture is damaged or cut off. Save it again, and send all of it."))


def _require_all_pages(content: bytes) -> None:
    """Raise unless every page that a TIFF names is there: the library takes those that are, and says nothing."""
    order: Literal["little", "big"] = "little" if content[:2] == b"II" else "big"
    is_big = int.from_bytes(content[2:4], order) == 43
    wide, counted, entry = (8, 8, 20) if is_big else (4, 2, 12)
    at, seen = wide if is_big else 4, set[int]()
    while (page := int.from_bytes(content[at : at + wide], order)) not in seen:
        entries = int.from_bytes(content[page : page + counted], order)
        seen.add(page)
        at = page + counted + entries * entry
        if page == 0 or entries == 0 or at + wide > len(content):
            raise ValueError("a page is missing")
        if not any(content[at : at + wide]):
            return
    raise ValueError("the pages go round in a circle")


def _as_pdf(picture: Image.Image) -> bytes:
    """Return the pages of a picture as a PDF: what is black and white stays so, without loss."""
    pages = []
    for page in ImageSequence.Iterator(picture):
        if page.width * page.height > _PIXELS:
            raise ValueError("a page is too large")
        pages.append(_flat(page))
    written = io.BytesIO()
    horizontal, vertical = picture.info.get("dpi") or (200, 200)
    dpi = (float(horizontal) or 200.0, float(vertical) or 200.0)
    if all(page.mode == "1" for page in pages):
        pages[0].save(written, "PDF", save_all=True, append_images=pages[1:], dpi=dpi)
    else:
        first, *others = (page.convert("L") if page.mode == "1" else page for page in pages)
        first.save(written, "PDF", save_all=True, append_images=others, dpi=dpi, quality=_QUALITY)
    return written.getvalue()


def _as_jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    _flat(picture).convert("RGB").save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def _flat(page: Image.Image) -> Image.Image:
    """Return a page as paper shows it: what is transparent is white."""
    page.load()
    if page.mode in _MODES_OF_A_PDF:
        return page.copy()
    if page.mode.startswith(("I", "F")):
        # Deeper than eight bits: the range that is there becomes black to white.
        low, high = page.convert("F").getextrema()
        scale = 255.0 / ((high - low) or 1.0)  # type: ignore[operator]
        return page.convert("F").point(lambda value: value * scale - low * scale).convert("L")  # type: ignore[operator]
    seen = page.convert("RGBA")
    paper = Image.new("RGB", seen.size, _WHITE)
    paper.paste(seen, mask=seen.getchannel("A"))
    return paper
