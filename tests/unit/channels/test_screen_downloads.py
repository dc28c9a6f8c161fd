"""What a killed process left of a portal's files does not stay."""

import subprocess
import sys
from pathlib import Path

from priorauth.channels.portals.screens.downloads import new_folder


def test_folders_of_processes_that_are_no_more_are_removed_and_others_stay(tmp_path: Path) -> None:
    program = "import sys, pathlib; from priorauth.channels.portals.screens.downloads import new_folder;"
    program += "print(new_folder(pathlib.Path(sys.argv[1])))"
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, check=True, text=True)
    left = Path(ended.stdout.strip())
    (left / "letter.pdf").write_bytes(b"of a member")
    mine = new_folder(tmp_path)

    assert not left.exists()
    assert new_folder(tmp_path) != mine
    assert mine.exists()
    assert mine.stat().st_mode & 0o077 == 0
