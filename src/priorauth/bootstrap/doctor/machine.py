"""What can be seen without the database: settings, the folder, its keys, the disk, the files, the browser."""

import asyncio
import secrets
import shutil
import stat
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from priorauth.bootstrap.doctor.findings import Check, Finding, Level, fault, ok, warning
from priorauth.bootstrap.engines import isolation_settings
from priorauth.bootstrap.storage import blobs_of, given_keys, given_server_key
from priorauth.channels.portals.chromium import find_chromium, starts
from priorauth.channels.portals.isolation.launching import surveyed
from priorauth.channels.portals.isolation.survey import PARTS, PartName
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings
from priorauth.store.keeping.backups import DATABASE, KEY_FILES
from priorauth.store.keeping.moved import elsewhere

_SCARCE, _TOO_LITTLE = 2_000_000_000, 200_000_000
_CONTENT = b"priorauth doctor"


def check_folder(settings: Settings) -> Finding:
    """Is the data folder there, its owner's alone, and the one to serve from?"""
    folder = settings.data_dir
    if not folder.is_dir():
        return fault(f"There is no {folder}. The first `priorauth` command makes it, or name yours with --data-dir.")
    destination = elsewhere(folder)
    if destination is not None and settings.database_url is None:
        return fault(f"The data of {folder} are in {destination}. Set PRIORAUTH_DATABASE_URL to it.")
    held = [folder / name for name in (*KEY_FILES, DATABASE, "files")]
    if not any(path.exists() for path in held):
        return ok(f"{folder} holds neither keys nor data.")
    open_to = [path for path in (folder, *_secret_files(folder)) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_to:
        names = " ".join(map(str, open_to))
        return fault(f"Others may read {names}. `chmod go-rwx {names}` leaves it to its owner.")
    return ok(f"{folder} and the keys in it are its owner's alone.")


def check_keys(settings: Settings) -> Finding:
    """Are the keys there? Whether they fit is asked of the data."""
    needed = zip(KEY_FILES, (given_keys(settings), given_server_key(settings)), strict=True)
    missing = [name for name, value in needed if value is None and not (settings.data_dir / name).is_file()]
    if missing:
        return fault(
            f"{' and '.join(missing)} are missing in {settings.data_dir}. Put them back from where you keep them."
        )
    return ok("The keys are there. Keep a copy of them apart from the backups.")


def check_disk(settings: Settings) -> Finding:
    """Is there room to write?"""
    free = shutil.disk_usage(settings.data_dir).free
    said = f"{free / 1e9:.1f} GB are free where {settings.data_dir} lies."
    if free < _TOO_LITTLE:
        return fault(f"{said} Make room: a full disk refuses every write.")
    return ok(said) if free >= _SCARCE else warning(f"{said} Make room soon.")


def check_files(settings: Settings) -> Finding:
    """Can a file be written, read and deleted where the files lie?"""
    if not settings.data_dir.is_dir():
        return fault("Without a data folder there is nowhere to write to.")
    if check_keys(settings).level is not Level.OK:
        return fault("Without the keys no file can be sealed.")
    return asyncio.run(_file_there_and_back(settings))


def check_chromium(settings: Settings) -> Finding:
    """Does the browser start?"""
    browser = find_chromium(settings.chromium_path)
    if not starts(browser):
        return fault(f"{browser} does not start. Run it by hand to see why, or set PRIORAUTH_CHROMIUM_PATH to another.")
    return ok(f"{browser} starts.")


def check_isolation(part: PartName, settings: Settings) -> Finding:
    """Does this part of what keeps a browser apart hold?"""
    found = surveyed(
        find_chromium(settings.chromium_path),
        sandbox=settings.chromium_sandbox,
        settings=isolation_settings(settings),
    )
    each = found.part(part)
    said = f"{each.said[0].upper()}{each.said[1:]}."
    if each.holds:
        return ok(said)
    demanded = found.missing() if settings.browser_isolation == "required" else ()
    demanded_sandbox = part == "sandbox" and settings.chromium_sandbox == "on"
    judged = fault if each in demanded or demanded_sandbox else warning if each.is_needed else ok
    return judged(f"{said} {each.advice}")


def check_address(settings: Settings) -> Finding:
    """Is the address that clients are given one that they can use safely?"""
    url, production = settings.public_base_url, settings.environment is Environment.PRODUCTION
    if url is None:
        said = f"Clients are given the address that the server listens on, {settings.host}."
        return warning(f"{said} Set PRIORAUTH_PUBLIC_BASE_URL.") if production else ok(said)
    if production and urlsplit(url).scheme != "https":
        return fault(f"{url} carries keys and patients' data in clear. Put TLS in front, and write https://.")
    return ok(f"Clients reach the server at {url}.")


def check_screenshots(settings: Settings) -> Finding:
    """Are no pictures taken of patients' data?"""
    if settings.screenshots_dir is None:
        return ok("No pictures of portals' pages are taken.")
    if settings.environment is Environment.PRODUCTION:
        return fault(
            f"Pictures of patients' data are kept in {settings.screenshots_dir}. Unset PRIORAUTH_SCREENSHOTS_DIR."
        )
    return warning(f"Pictures of portals' pages are kept in {settings.screenshots_dir}: for trying out alone.")


CHECKS: Mapping[str, Check[Settings]] = {
    "folder": check_folder,
    "keys": check_keys,
    "disk": check_disk,
    "files": check_files,
    "chromium": check_chromium,
    **{f"browser {part}": partial(check_isolation, part) for part in PARTS},
    "address": check_address,
    "screenshots": check_screenshots,
}


# What an operator has set wrongly, and no restart mends.
CONFIGURATION = ("folder", "address", "screenshots")


def require_configured(settings: Settings) -> None:
    """Raise UserFault where production would start in a fault of its configuration that is not accepted by name."""
    if settings.environment is not Environment.PRODUCTION:
        return
    # A folder that is not there yet is made.
    asked = [name for name in CONFIGURATION if name != "folder" or settings.data_dir.is_dir()]
    accepted = settings.start_despite.split(",")
    wrong = [
        (name, found.said)
        for name, found in ((name, CHECKS[name](settings)) for name in asked)
        if found.level is Level.FAULT and name not in accepted
    ]
    if wrong:
        said = " ".join(f"{name}: {each}" for name, each in wrong)
        names = ",".join(name for name, _ in wrong)
        raise UserFault(f"production does not start so. {said} PRIORAUTH_START_DESPITE={names} starts it nevertheless.")


async def _file_there_and_back(settings: Settings) -> Finding:
    blobs, name = blobs_of(settings), f"doctor-{secrets.token_hex(8)}"
    place = "PRIORAUTH_FILES_URL" if settings.files_url else f"{settings.data_dir / 'files'}"
    try:
        await blobs.put(name, _content())
        same = await blobs.get(name) == _CONTENT
        await blobs.delete(name)
        once = await blobs.create(name, _CONTENT) and not await blobs.create(name, _CONTENT)
        await blobs.delete(name)
    except Exception as error:  # noqa: BLE001 - object stores have errors of their own, of which each is a finding
        return fault(f"Files cannot be written, read and deleted at {place}: {type(error).__name__}. Look there.")
    if not once:
        return fault(
            f"{place} overwrites a file that is to be created only if it is absent, so no submission can be claimed. "
            "Use a store that knows `If-None-Match: *`."
        )
    return ok(f"Files are written, read and deleted at {place}.") if same else fault(f"{place} gives other bytes back.")


async def _content() -> AsyncIterator[bytes]:
    yield _CONTENT


def _secret_files(folder: Path) -> list[Path]:
    return [path for name in KEY_FILES if (path := folder / name).is_file()]
