"""Contract, section 5: files: declared, uploaded once to an address that proves itself, checked, then fixed for
ever.
"""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import pytest

from priorauth.channels.contract import JobDocument
from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.engine import jobs
from priorauth.formats.documents.inspection import Inspection
from priorauth.http.edge import Services
from priorauth.sandbox import catalog
from priorauth.store.transaction import Transaction
from tests.factories.documents import HEIC, bomb, broken_page, giant, pdf, picture
from tests.http.customer import Customer, Json, fresh_key, path, refused, taken
from tests.http.server import FILE_BYTES_LIMIT, URL, Server, listening, serving

FIELDS = {
    "id", "status", "fileName", "contentType", "purpose", "sizeBytes", "createdAt", "completedAt", "downloadUrl",
    "failure", "warnings", "sentAs",
}  # fmt: skip
PNG, JPEG = picture("PNG"), picture("JPEG")
FAX = picture("TIFF", "1", pages=3, compression="group4", dpi=(204, 98))


BEFORE_PDFS = (b"\xef\xbb\xbf", b"\r\n", b"\x1b%-12345X@PJL\r\n", b"scanned by device 7\n\n")


async def test_a_file_goes_from_its_declaration_to_its_download(server: Server, customer: Customer) -> None:
    content = catalog.sample_document()
    declared = await customer.declare(name="Clinical notes, März.pdf")
    file, upload = declared["file"], declared["upload"]
    async with server.client(None) as keyless:
        uploaded = taken(await keyless.put(upload["url"], content=content, headers=upload["headers"]))
    ready = await customer.complete(file)
    download = await customer.get(ready["downloadUrl"])

    assert set(file) == set(uploaded) == set(ready) == FIELDS
    assert (upload["strategy"], upload["method"]) == ("single_put", "PUT")
    assert upload["headers"] == {"Content-Type": "application/pdf"}
    assert upload["url"].startswith(f"{URL}/")
    assert [each["status"] for each in (file, uploaded, ready)] == ["pending_upload", "uploaded", "ready"]
    assert [each["sizeBytes"] for each in (file, uploaded, ready)] == [None, len(content), len(content)]
    assert [each["downloadUrl"] for each in (file, uploaded)] == [None, None]
    assert (file["completedAt"], ready["failure"]) == (None, None)
    assert ready["completedAt"].endswith("Z")
    assert download.content == content
    assert await _read(customer, file) == ready


async def test_a_download_is_an_attachment_and_needs_the_key(
    server: Server, customer: Customer, stranger: Customer
) -> None:
    file = await customer.complete(await customer.file(name='a "quoted"; name\u202e.pdf'))

    response = await customer.get(file["downloadUrl"])
    async with server.client(None) as keyless:
        refused(await keyless.get(file["downloadUrl"]), 401, "unauthorized")
    refused(await stranger.get(file["downloadUrl"]), 404, "file_not_found")

    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"].startswith("sandbox")
    assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20%22quoted%22%3B%20name_.pdf"


@pytest.mark.parametrize(
    ("name", "content_type", "content"),
    [
        ("scan.PNG", "image/png", PNG),
        ("scan.jpg", "image/jpeg", JPEG),
        ("scan.jpeg", "image/jpeg", JPEG),
        ("fax.tif", "image/tiff", FAX),
        ("photo.heic", "image/heic", HEIC),
        ("notes.pdf", "application/pdf", pdf()),
        *(("notes.pdf", "application/pdf", before + pdf()) for before in BEFORE_PDFS),
    ],
)
async def test_each_type_is_taken(customer: Customer, name: str, content_type: str, content: bytes) -> None:
    ready = await customer.complete(await customer.file(content, name=name, content_type=content_type))

    assert ready["status"] == "ready"
    assert (await customer.get(ready["downloadUrl"])).headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    ("content", "name", "content_type", "sent_as"),
    [
        (FAX, "Fax of Monday.TIFF", "image/tiff", ("application/pdf", "Fax of Monday.pdf")),
        (HEIC, "photo.heic", "image/heic", ("image/jpeg", "photo.jpg")),
    ],
)
async def test_what_no_portal_takes_is_sent_in_another_form(
    customer: Customer, content: bytes, name: str, content_type: str, sent_as: tuple[str, str]
) -> None:
    ready = await customer.complete(await customer.file(content, name=name, content_type=content_type))

    assert (ready["contentType"], ready["fileName"], ready["sizeBytes"]) == (content_type, name, len(content))
    sent = ready["sentAs"]
    assert (sent["contentType"], sent["fileName"]) == sent_as
    assert sent["sizeBytes"] > 0
    assert (await customer.get(ready["downloadUrl"])).content == content


async def test_a_fax_becomes_a_pdf_of_all_its_pages(server: Server, customer: Customer) -> None:
    case = await customer.create("approved_after_review")
    file = await customer.complete(await customer.file(FAX, name="fax.tif", content_type="image/tiff"))
    attached = await customer.attach(case, file)

    def documents(tx: Transaction) -> list[JobDocument]:
        found = tx.authorizations.get(attached["id"])
        assert found is not None
        return jobs._documents(tx, found.attachments)

    (document,) = server.database.read_now(documents)
    content = await server.services.blobs.get(document.stored_as)

    assert (document.file_name, document.content_type) == ("fax.pdf", "application/pdf")
    assert (document.size_bytes, document.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    with pikepdf.open(io.BytesIO(content)) as sent:
        assert len(sent.pages) == 3


SCRIPT = {"/OpenAction": pikepdf.Dictionary(S=pikepdf.Name("/JavaScript"), JS="app.alert(1)")}
LAUNCH = {"/OpenAction": pikepdf.Dictionary(S=pikepdf.Name("/Launch"), F="program.exe")}


@pytest.mark.parametrize(("root", "code"), [(SCRIPT, "javascript"), (LAUNCH, "launch_action")])
async def test_active_content_is_told_or_refused_by_a_setting(
    customer: Customer, root: dict[str, Any], code: str
) -> None:
    ready = await customer.complete(await customer.file(pdf(root=root)))
    refusing = await Inspection(refuses_active=True).inspect(
        lambda: given(pdf(root=root)), content_type="application/pdf", organization_id="org_1"
    )

    assert (ready["status"], [each["code"] for each in ready["warnings"]]) == ("ready", [code])
    assert refusing.failure is not None
    assert refusing.failure.code == code


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 1", 1), ("exit 2", None), ("kill -9 $$", None)])
async def test_a_scanner_decides_or_is_waited_for(tmp_path: Path, script: str, code: int | None) -> None:
    scanner = tmp_path / "scan"
    scanner.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    scanner.chmod(0o700)
    looking = Inspection(scan_command=str(scanner)).inspect(
        lambda: given(pdf()), content_type="application/pdf", organization_id="org_1"
    )

    if code is None:
        with pytest.raises(TemporarilyUnavailable):
            await looking
        return
    found = await looking
    assert (found.failure.code if found.failure else None) == ("rejected_by_scanner" if code else None)


async def given(content: bytes) -> bytes:
    """Bytes, as a store returns them."""
    return content


async def test_marks_that_make_a_name_read_as_another_are_replaced(customer: Customer) -> None:
    declared = await customer.declare(name="notes\u202efdp.exe\n\x07.pdf")

    assert declared["file"]["fileName"] == "notes_fdp.exe__.pdf"


async def test_an_organization_stores_no_more_than_its_quota(data_dir: Path) -> None:
    content = pdf()
    with serving(data_dir, stored_bytes_limit=2 * len(content)) as server:
        async with server.client(server.key()) as client:
            customer = Customer(client)
            for _ in range(2):
                await customer.file(content)
            third = (await customer.declare())["upload"]["url"]

            refused(await client.put(third, content=content), 413, "storage_quota_exceeded")

            async def parts() -> AsyncIterator[bytes]:
                yield content

            refused(await client.put(third, content=parts()), 413, "storage_quota_exceeded")


FAILURES = {
    "empty": (b"", "application/pdf", "empty_file"),
    "an image that says it is a PDF": (PNG, "application/pdf", "content_mismatch"),
    "a PDF that says it is an image": (pdf(), "image/png", "content_mismatch"),
    "a PNG that says it is a JPEG": (PNG, "image/jpeg", "content_mismatch"),
    "a web page": (b"<html><script>alert(1)</script>", "application/pdf", "content_mismatch"),
    "encrypted, opens with a password": (pdf(password="user"), "application/pdf", "encrypted_pdf"),
    "encrypted, opens without": (pdf(password=""), "application/pdf", "encrypted_pdf"),
    "cut off": (pdf()[:40], "application/pdf", "unreadable_pdf"),
    "only a beginning": (b"%PDF-1.7\n" + b"\0" * 200, "application/pdf", "unreadable_pdf"),
    "without pages": (pdf(pages=0), "application/pdf", "unreadable_pdf"),
    "too much before the header": (b" " * 1025 + pdf(), "application/pdf", "content_mismatch"),
    "a page that cannot be unpacked": (broken_page(), "application/pdf", "unreadable_pdf"),
    "a form that Adobe's reader alone shows": (pdf(root={"/NeedsRendering": True}), "application/pdf", "xfa_form"),
    "far larger unpacked": (bomb(), "application/pdf", "too_complex"),
    "pages that are missing": (pdf().replace(b"/Count 1", b"/Count 3"), "application/pdf", "unreadable_pdf"),
    "a PNG without its end": (PNG[:-12], "image/png", "unreadable_image"),
    "the beginning of a PNG": (PNG[:8], "image/png", "unreadable_image"),
    "half of a PNG": (PNG[: len(PNG) // 2], "image/png", "unreadable_image"),
    "half of a JPEG": (JPEG[: len(JPEG) // 2], "image/jpeg", "unreadable_image"),
    "a text behind three bytes": (b"\xff\xd8\xff this is no picture", "image/jpeg", "unreadable_image"),
    "half of a fax": (FAX[: len(FAX) // 2], "image/tiff", "unreadable_image"),
    "half of a photo": (HEIC[: len(HEIC) // 2], "image/heic", "unreadable_image"),
    "a picture of 3,600 megapixels": (giant(), "image/png", "image_too_large"),
}
NAMES = {
    "application/pdf": "a.pdf",
    "image/png": "a.png",
    "image/jpeg": "a.jpg",
    "image/tiff": "a.tiff",
    "image/heic": "a.heic",
}


@pytest.mark.parametrize(("content", "content_type", "code"), FAILURES.values(), ids=FAILURES.keys())
async def test_bytes_that_cannot_be_used_fail_with_their_reason(
    customer: Customer, content: bytes, content_type: str, code: str
) -> None:
    case = await customer.create()
    file = await customer.file(content, name=NAMES[content_type], content_type=content_type)

    failed = await customer.complete(file)

    assert (failed["status"], failed["failure"]["code"], failed["downloadUrl"]) == ("failed", code, None)
    assert failed["failure"]["message"]
    assert failed["completedAt"] is not None
    await _cannot_be_attached(customer, case, failed)
    refused(await customer.get(f"/v1/files/{file['id']}/content"), 409, "file_not_ready")
    refused(await customer.send("POST", f"/v1/files/{file['id']}/complete"), 409, "file_already_completed")


async def test_the_address_takes_the_bytes_once(customer: Customer) -> None:
    declared = await customer.declare()
    url, file = declared["upload"]["url"], declared["file"]
    taken(await customer.client.put(url, content=pdf()))

    refused(await customer.client.put(url, content=PNG), 409, "file_already_completed")
    ready = await customer.complete(file)
    refused(await customer.client.put(url, content=PNG), 409, "file_already_completed")

    assert ready["status"] == "ready"
    assert (await customer.get(ready["downloadUrl"])).content == pdf_of(ready, await customer.get(ready["downloadUrl"]))


def pdf_of(file: Json, response: httpx.Response) -> bytes:
    """The download, which must have the size that the file says."""
    assert len(response.content) == file["sizeBytes"]
    return response.content


async def test_an_expired_address_takes_nothing(server: Server, customer: Customer) -> None:
    declared = await customer.declare()
    server.pass_time(seconds=901)

    refused(await customer.client.put(declared["upload"]["url"], content=pdf()), 404, "file_not_found")

    assert (await _read(customer, declared["file"]))["status"] == "pending_upload"


async def test_an_upload_under_way_is_stopped_when_its_address_expires(data_dir: Path) -> None:
    content = pdf()
    with serving(data_dir, upload_seconds=1) as server:
        async with server.client(server.key()) as client, listening(server) as address:
            customer = Customer(client)
            declared = await customer.declare()
            target = declared["upload"]["url"].removeprefix(URL)
            uploads = [await asyncio.open_connection(*address.split(":")) for _ in range(3)]
            for _, writer in uploads:
                head = f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content) + 1}\r\n\r\n"
                writer.write(head.encode() + content)
                await writer.drain()

            async with asyncio.timeout(5):
                answers = [await reader.readuntil(b"\r\n\r\n") for reader, _ in uploads]
                bodies = [await reader.readuntil(b"}") for reader, _ in uploads]
            for _, writer in uploads:
                writer.close()

            assert {each.split()[1] for each in answers} == {b"404"}
            assert all(b"file_not_found" in each for each in bodies)
            assert (await _read(customer, declared["file"]))["status"] == "pending_upload"
            assert [each for each in (data_dir / "files").rglob("*") if each.is_file()] == []


async def test_an_upload_that_ends_in_time_is_kept(data_dir: Path) -> None:
    with serving(data_dir, upload_seconds=30) as server:
        async with server.client(server.key()) as client:
            customer = Customer(client)
            declared = await customer.declare()
            server.pass_time(seconds=29)

            taken(await client.put(declared["upload"]["url"], content=pdf()))

            assert (await _read(customer, declared["file"]))["status"] == "uploaded"


async def test_a_forged_address_takes_nothing(customer: Customer) -> None:
    declared, other = await customer.declare(), await customer.declare()
    url, file_id = declared["upload"]["url"], declared["file"]["id"]
    secret = url.rpartition(".")[2]
    forged = [
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace(file_id, other["file"]["id"]),
        f"{URL}/uploads/{file_id}",
        f"{URL}/uploads/{file_id}.",
        f"{URL}/uploads/.{secret}",
        f"{URL}/uploads/{file_id}.{secret}.{secret}",
        f"{URL}/uploads/{file_id}.é",
        f"{URL}/uploads/%00",
    ]

    for address in forged:
        refused(await customer.client.put(address, content=pdf()), 404, "file_not_found")

    assert (await _read(customer, declared["file"]))["status"] == "pending_upload"


class Endless(httpx.AsyncByteStream):
    """Bytes without end, and how many of them were taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += 4096
            yield b"%PDF-".ljust(4096)


async def test_too_many_bytes_are_refused_while_they_come(server: Server, customer: Customer) -> None:
    declared, endless = await customer.declare(), Endless()
    url = declared["upload"]["url"]

    refused(await customer.client.put(url, content=endless), 413, "file_too_large")
    assert endless.taken < 32 * FILE_BYTES_LIMIT
    await _is_too_large(customer, declared)
    services: Services = server.app.state.services
    assert services.settings.file_bytes_limit == FILE_BYTES_LIMIT


async def test_too_many_announced_bytes_end_the_file_and_as_many_as_allowed_are_taken(customer: Customer) -> None:
    declared, other = await customer.declare(), await customer.declare()
    content = b"%PDF-".ljust(FILE_BYTES_LIMIT)

    refused(await customer.client.put(declared["upload"]["url"], content=content + b" "), 413, "file_too_large")

    await _is_too_large(customer, declared)
    assert taken(await customer.client.put(other["upload"]["url"], content=content))["status"] == "uploaded"


async def _is_too_large(customer: Customer, declared: Json) -> None:
    """The file has failed for its size, and its address takes nothing more (section 5, files)."""
    failed = await _read(customer, declared["file"])
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "file_too_large")
    assert failed["completedAt"] is not None
    refused(await customer.client.put(declared["upload"]["url"], content=pdf()), 409, "file_already_completed")
    refused(await customer.send("POST", f"/v1/files/{failed['id']}/complete"), 409, "file_already_completed")


async def test_a_repeated_declaration_gives_the_first_answer_even_when_its_address_has_expired(
    server: Server, customer: Customer
) -> None:
    """A replay is the first answer byte for byte (section 3); what to do then is said by the address itself."""
    body = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
    key = [("Idempotency-Key", fresh_key())]
    first = await customer.send("POST", "/v1/files", json=body, headers=key)
    server.pass_time(seconds=901)
    again = await customer.send("POST", "/v1/files", json=body, headers=key)

    gone = refused(await customer.client.put(taken(again)["upload"]["url"], content=pdf()), 404, "file_not_found")

    assert again.content == first.content
    assert "new idempotency key" in gone["message"]


async def test_a_file_without_bytes_is_not_complete(customer: Customer) -> None:
    declared = await customer.declare()

    refused(await customer.send("POST", f"/v1/files/{declared['file']['id']}/complete"), 409, "file_not_ready")

    assert (await _read(customer, declared["file"]))["status"] == "pending_upload"


async def test_only_a_ready_file_can_be_attached(customer: Customer) -> None:
    case = await customer.create()
    pending = (await customer.declare())["file"]
    uploaded = await customer.file()

    await _cannot_be_attached(customer, case, pending)
    await _cannot_be_attached(customer, case, uploaded)
    attached = await customer.attach(case, await customer.complete(uploaded))

    (attachment,) = attached["attachments"]
    assert attachment["fileId"] == uploaded["id"]
    assert (attachment["label"], attachment["documentTypes"]) == ("notes.pdf", ["clinical_notes"])
    assert attachment["description"] is None


@pytest.mark.parametrize("types", [[], None, "clinical_notes", [""], [1], ["x"] * 21])
async def test_an_attachment_says_what_it_is(customer: Customer, types: object) -> None:
    case, file = await customer.create(), await customer.ready_file()
    body = {"fileId": file["id"], "documentTypes": types}

    response = await customer.send("POST", path(case, "attachments"), version=1, json=body)

    assert refused(response, 400, "bad_request")["issues"][0]["field"].startswith("documentTypes")


async def test_a_detached_document_is_missing_again(customer: Customer) -> None:
    case = await customer.ready()
    attachment = case["attachments"][0]["id"]

    detached = taken(await customer.send("DELETE", path(case, "attachments", attachment), version=case["version"]))
    again = await customer.send("DELETE", path(case, "attachments", attachment), version=detached["version"])

    assert (detached["attachments"], detached["status"]) == ([], "requires_input")
    refused(again, 404, "attachment_not_found")


@pytest.mark.parametrize(
    ("name", "content_type", "field"),
    [
        ("notes.png", "application/pdf", "fileName"),
        ("notes.pdf.exe", "application/pdf", "fileName"),
        ("scan.pdf", "image/png", "fileName"),
        ("scan.png", "image/jpeg", "fileName"),
        ("notes.txt", "text/plain", "contentType"),
        ("notes.pdf", "application/PDF; x=y", "contentType"),
        ("../notes.pdf", "application/pdf", "fileName"),
        ("..\\notes.pdf", "application/pdf", "fileName"),
        ("n" * 300 + ".pdf", "application/pdf", "fileName"),
        ("", "application/pdf", "fileName"),
    ],
)
async def test_a_declaration_that_contradicts_itself_is_refused(
    customer: Customer, name: str, content_type: str, field: str
) -> None:
    body = {"fileName": name, "contentType": content_type, "purpose": "authorization_attachment"}

    response = await customer.send("POST", "/v1/files", json=body, headers=[("Idempotency-Key", fresh_key())])

    assert [issue["field"] for issue in refused(response, 400, "bad_request")["issues"]] == [field]


async def _cannot_be_attached(customer: Customer, case: Json, file: Json) -> None:
    before = await customer.everything(case)
    body = {"fileId": file["id"], "documentTypes": ["clinical_notes"]}

    response = await customer.send("POST", path(case, "attachments"), version=case["version"], json=body)

    error = refused(response, 409, "file_not_ready")
    assert error["details"] == {"fileId": file["id"], "status": file["status"]}
    assert await customer.everything(case) == before


async def _read(customer: Customer, file: Json) -> Json:
    return taken(await customer.get(f"/v1/files/{file['id']}"))
