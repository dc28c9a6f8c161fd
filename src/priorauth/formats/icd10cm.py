"""The ICD-10-CM code set, read from the April 2026 release that the package simple-icd-10-cm ships.

Only its list of codes is read: importing the package itself would parse the whole tabular list (seconds, 180 MB).
The list is in the classification's order, so a code is a heading exactly when the next code begins with it.
"""

import importlib.util
from functools import cache
from pathlib import Path

from priorauth.domain.catalog import CodeVerdict


class Icd10Cm:
    """The codes of one release."""

    def __init__(self, codes: list[str]) -> None:
        followers = [*codes[1:], ""]
        self._billable = {code: not follower.startswith(code) for code, follower in zip(codes, followers, strict=True)}

    def judge(self, code: str) -> CodeVerdict:
        """Say whether `code`, with or without its dot, exists and is billable."""
        head, dot, tail = code.partition(".")
        if dot and (len(head) != 3 or not tail):
            return CodeVerdict.UNKNOWN
        billable = self._billable.get(head + tail)
        if billable is None:
            return CodeVerdict.UNKNOWN
        return CodeVerdict.VALID if billable else CodeVerdict.NOT_SPECIFIC


@cache
def icd10cm() -> Icd10Cm:
    """Return the code set. Raises LookupError when the package or its list is missing."""
    spec = importlib.util.find_spec("simple_icd_10_cm")
    folders = spec.submodule_search_locations if spec else None
    lists = [path for folder in folders or () for path in sorted(Path(folder).glob("data/code-list-*.txt"))]
    if not lists:
        raise LookupError("The ICD-10-CM code list is missing. Reinstall the package simple-icd-10-cm.")
    lines = lists[-1].read_text(encoding="utf-8").split()
    return Icd10Cm([line for line in lines if "-" not in line and line[0].isalpha() and len(line) >= 3])
