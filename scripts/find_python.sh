#!/bin/sh
# Prints the path of a Python that can run this project: 3.11 or newer, with venv and ensurepip.
#
# PYTHON decides when it is set. Else the first that passes: a name on PATH may be another user's, a shim without a
# version behind it, or a Debian python without its venv package, so that being there is not enough.
set -eu

fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

path_of() {
    "$1" -c 'import sys; print(sys.executable)'
}

if [ -n "${PYTHON:-}" ]; then
    if fits "$PYTHON"; then
        path_of "$PYTHON"
        exit 0
    fi
    echo "PYTHON=$PYTHON does not run, is older than 3.11, or lacks venv and ensurepip." >&2
    exit 1
fi

for candidate in python3.13 python3.12 python3.11 python3 /usr/local/bin/python3 /usr/bin/python3; do
    if fits "$candidate"; then
        path_of "$candidate"
        exit 0
    fi
done

cat >&2 <<'TEXT'
No Python 3.11 or newer with venv was found.
  Debian, Ubuntu:  sudo apt-get install python3 python3-venv
  elsewhere:       install Python 3.11+ and say where: make setup PYTHON=/path/to/python3
TEXT
exit 1
