"""A long run of generated requests against a real server: `make fuzz`, or `python -m tests.fuzz [SECONDS [ARGUMENTS]]`.

All checks of schemathesis, every phase of it, one worker. `tests.fuzz.hooks` lets the requests find what they ask for.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.factories.servers import ServerProcess

_SECONDS = "600"


def main(seconds: str = _SECONDS, *more: str) -> int:
    """Run for so long, with `more` arguments of schemathesis; return the exit status of schemathesis."""
    with tempfile.TemporaryDirectory(prefix="priorauth-fuzz-") as folder:
        server = ServerProcess(
            Path(folder) / "data", reads_per_minute=0, writes_per_minute=0, concurrent_sessions=2
        ).start()
        try:
            return _fuzz(server, Path(folder), "--max-time", seconds, *more)
        finally:
            server.stop()


def _fuzz(server: ServerProcess, folder: Path, *more: str) -> int:
    program, key = str(Path(sys.executable).with_name("schemathesis")), server.new_key()
    command = [program, "run", f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {key}"]
    command += ["--checks", "all", "--workers", "1", "--continue-on-failure", "--request-timeout", "60", *more]
    known = {"PYTHONPATH": str(Path.cwd()), "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks"}
    known |= {"FUZZED_URL": server.url, "FUZZED_KEY": key}
    return subprocess.run(command, check=False, cwd=folder, env={**os.environ, **known}).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
