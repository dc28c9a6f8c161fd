"""Documents at Juniper's portal: added one by one in a window that the page opens, shown by the page in one table."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Response

from priorauth.channels.contract import DocumentSource, JobDocument
from priorauth.channels.portals.juniper.views import again_from_here, settled
from priorauth.channels.portals.pages import choose, portal_faults, require_field, require_success, table_rows

_TABLE = "table.documents"


async def upload(page: Page, *, entries: Iterable[tuple[str, JobDocument]], documents: DocumentSource) -> None:
    """Add each document as the portal's kind that stands before it. One that the portal refuses will be missing."""
    for kind, document in entries:
        content = await documents.get(document.stored_as)
        payload = {"name": document.file_name, "mimeType": document.content_type, "buffer": content}
        before = len(await table_rows(page, _TABLE))
        await again_from_here(page, partial(_upload_one, page, kind=kind, payload=payload, before=before))


async def _upload_one(page: Page, *, kind: str, payload: Mapping[str, object], before: int) -> None:
    if len(await table_rows(page, _TABLE)) > before:
        # An earlier try arrived, and its answer was lost.
        return
    async with portal_faults():
        async with page.expect_popup() as opening:
            await page.get_by_role("button", name="Add document", exact=True).click()
        window = await opening.value
    try:
        async with portal_faults():
            kinds = window.get_by_label("Kind of document", exact=True)
            await require_field(kinds, "Kind of document")
            await choose(partial(kinds.select_option, label=kind), "Kind of document")
            await window.get_by_label("File", exact=True).set_input_files(payload)  # type: ignore[arg-type]
            async with window.expect_response(_takes_document) as answering:
                await window.get_by_role("button", name="Add", exact=True).click()
            answer = await answering.value
            require_success(answer, but=422)
            if answer.status == 201:
                # The page hears of it from its window, which closes by itself.
                await page.locator(f"{_TABLE} tbody tr").nth(before).wait_for()
    finally:
        with suppress(PlaywrightError):
            await window.close()
    await settled(page)


def _takes_document(response: Response) -> bool:
    return response.request.method == "POST" and response.url.endswith("/documents")
