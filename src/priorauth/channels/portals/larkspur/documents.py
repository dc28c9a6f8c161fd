"""Documents at Larkspur's portal: every page that takes some has the same form, and shows what it has in one table."""

from collections.abc import Iterable, Mapping
from functools import partial

from playwright.async_api import Page

from priorauth.channels.contract import DocumentSource, JobDocument
from priorauth.channels.portals.pages import (
    again_from_here,
    choose,
    portal_faults,
    press,
    require_field,
    require_heading,
    table_rows,
)
from priorauth.channels.portals.wording import document_line

DOCUMENTS = "table.documents"


async def upload(
    page: Page, *, title: str, entries: Iterable[tuple[str, JobDocument]], documents: DocumentSource
) -> None:
    """Upload each document as the portal's type that stands before it, on the open page `title`."""
    await require_heading(page, title)
    for kind, document in entries:
        content = await documents.get(document.stored_as)
        payload = {"name": document.file_name, "mimeType": document.content_type, "buffer": content}
        before = len(await shown_documents(page))
        await again_from_here(page, partial(_upload_one, page, title=title, kind=kind, payload=payload, before=before))


async def _upload_one(page: Page, *, title: str, kind: str, payload: Mapping[str, object], before: int) -> None:
    await require_heading(page, title)
    if len(await shown_documents(page)) > before:
        # An earlier try arrived, and its answer was lost.
        return
    async with portal_faults():
        kinds = page.get_by_label("Document type")
        await require_field(kinds, "Document type")
        await choose(partial(kinds.select_option, label=kind), "Document type")
        await page.get_by_label("File", exact=True).set_input_files(payload)  # type: ignore[arg-type]
    await press(page, "Upload")
    await require_heading(page, title)


async def shown_documents(page: Page, *, required: bool = False) -> tuple[str, ...]:
    """Return the documents that the open page shows, a line each; `required`: it has to have a table of them."""
    rows = await table_rows(page, DOCUMENTS, required=required)
    return tuple(document_line(*row[:4]) for row in rows)
