#!/usr/bin/env python3
"""Fails when a file, a function or a folder has grown past what a newcomer can read.

A limit is a reason to split by meaning, not to squeeze lines: see CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
# A room has one module a noun, and the house has about a dozen nouns; the store adds how a database is reached.
MAX_FOLDER_MODULES = 20

PYTHON_FOLDERS = ("src", "tests", "scripts", "migrations", "benchmarks")
# Tests stand one file a rule, so that many in a folder are no fault.
LIMITED_FOLDERS = ("src",)


def oversized_files_and_functions(root: Path) -> Iterator[str]:
    """Every Python file and function that is too long."""
    for folder in PYTHON_FOLDERS:
        for file in sorted((root / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            shown = file.relative_to(root)
            if (lines := len(text.splitlines())) > MAX_FILE_LINES:
                yield f"{shown}: {lines} lines, {MAX_FILE_LINES} are allowed in a file"
            for node in ast.walk(ast.parse(text, filename=str(file))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    length = (node.end_lineno or node.lineno) - node.lineno + 1
                    if length > MAX_FUNCTION_LINES:
                        yield (
                            f"{shown}:{node.lineno}: {node.name} has {length} lines,"
                            f" {MAX_FUNCTION_LINES} are allowed in a function"
                        )


def crowded_folders(root: Path) -> Iterator[str]:
    """Every folder of the package with too many modules; what a package says of itself is none."""
    for top in LIMITED_FOLDERS:
        for folder in sorted({file.parent for file in (root / top).rglob("*.py")}):
            modules = [file for file in folder.glob("*.py") if file.name != "__init__.py"]
            if len(modules) > MAX_FOLDER_MODULES:
                shown = folder.relative_to(root)
                yield f"{shown}: {len(modules)} modules, {MAX_FOLDER_MODULES} are allowed in a folder"


def main() -> int:
    """Print what is too large and return 1, or return 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    faults = [*oversized_files_and_functions(root), *crowded_folders(root)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
