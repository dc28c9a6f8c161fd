"""Payers' patterns mean what they mean in Python, and are matched in linear time or in a bounded one."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorauth.formats.bounded_patterns import BoundedPatterns
from priorauth.formats.patterns import PatternRefused, PayerPatterns, payer_patterns, require_linear

MAIL = r"^[\w.-]+@([\w-]+\.)+([a-zA-Z0-9]{2,4})+$"
PATTERNS = [
    r"[A-Z]{3}\d{4}",
    r"\d{3}-\d{2}-\d{4}",
    r"(?:Mr|Ms)\.? \w+",
    r"\w+( \w+)*",
    r"\S+",
    r"(?i)abc[d-f]*",
    r"a|bc|",
    r"[\s\S]{0,20}",
    r"[^a-c]*",
    r"^x.y$",
    r"(?s)x.y",
    r"[^\d]+",
    r"[\D]",
    r"[\wé-]+",
    r"a{2,}b?",
    r"(?P<year>\d{4})",
    MAIL,
]
TEXTS = st.text(alphabet="abcXYZ019 -_.@\n\té٣ß\u017f\u212a", max_size=12)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=TEXTS)
def test_a_pattern_means_what_it_means_in_python(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern, text) is not None

    assert payer_patterns().match(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?=a)b", "looks ahead"),
        (r"(?<!a)b", "looks ahead or behind"),
        (r"(a)\1", "refers back"),
        (r"(?>a)b", "atomic"),
        (r"(a)?(?(1)b|c)", "depends on"),
        (r"\bword\b", "word boundary"),
        (r"a{1001}", "more than 1000"),
        (r"(a{100}){100}", "more than 1000 characters"),
        (r"(unclosed", "no regular expression"),
        ("(" * 500 + ")" * 500, "nested"),
    ],
)
def test_a_pattern_that_is_not_linear_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=why):
        require_linear(pattern)


def test_what_froze_a_server_takes_no_time() -> None:
    began = time.process_time()

    assert payer_patterns().match(MAIL, f"desk@clinic.{'a' * 20_000} ") is False

    # A backtracking matcher would take longer than the universe has been there.
    assert time.process_time() - began < 60


def test_a_pattern_of_before_is_matched_aside_and_only_so_long() -> None:
    bounded = BoundedPatterns()
    patterns = PayerPatterns(bounded)
    backtracking = r"(?=a)(a+)+b"
    try:
        assert patterns.match(r"(?=a)\w+", "abc") is True
        assert patterns.match(r"(?=a)\w+", "bc") is False
        assert patterns.match(backtracking, "a" * 60) is None
        # And for a while it is not tried again.
        assert patterns.match(backtracking, "ab") is None
        assert patterns.match(r"(?=a)\w+", "abc") is True
    finally:
        bounded.close()
