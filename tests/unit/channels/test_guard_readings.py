"""A path, a query string and a body are read in the one way in which all servers read them, or not at all."""

import gzip
import time

import pytest

from priorauth.channels.portals.guard import Format
from priorauth.channels.portals.submit_guard.readings import Unreadable, read_body, read_path, read_query
from tests.factories.boundaries import FORM_TYPE, multipart, part, request

MULTIPART_TYPE = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("path", "read"),
    [("/", "/"), ("/a/b%20c", "/a/b c"), ("/%C3%A9", "/é"), ("/a;jsessionid=AB.c1", "/a"), ("/a+b@c", "/a+b@c")],
)
def test_a_plain_path_is_decoded_once(path: str, read: str) -> None:
    assert read_path(path, parameters=["jsessionid"]) == read


@pytest.mark.parametrize(
    "path",
    [
        "//a",
        "/a//b",
        "/a/../b",
        "/a/..",
        "/./a",
        "/a/%2e%2e/b",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/%73ubmit",
        "/%2573ubmit",
        "/a%00",
        "/a%0a",
        "/a%3Bb",
        "/a%3fb",
        "/a%23b",
        "/a%7f",
        "/a%",
        "/a%zz",
        "/a%u0041",
        "/a;x=1",
        "/a;jsessionid=1;x",
        "/a;jsessionid=1/../b",
        "/a|b",
        "/a b",
        "/é",
        "/%c0%af",
        "/%ff",
        "/a#b",
        "/" + "a" * 9000,
        "a",
    ],
)
def test_a_path_that_servers_read_differently_is_refused(path: str) -> None:
    with pytest.raises(Unreadable):
        read_path(path, parameters=["jsessionid"])


def test_a_query_string_is_decoded_with_its_empty_values() -> None:
    assert read_query("q=A+B%26c&page=&flag") == (("q", "A B&c"), ("page", ""), ("flag", ""))


@pytest.mark.parametrize(
    "query",
    [
        "a=1;b=2",
        "a=%00",
        "a=%zz",
        "a=%ff",
        "a&&b",
        "=1",
        "_method=PUT",
        "%5Fmethod=PUT",
        "_METHOD=put",
        ".method=put",
        "_method[]=put",
        "a%25=1",
        "_charset_=utf-7",
        "x-http-method-override=PUT",
        "a=" + "x" * 9000,
        "a=[1]",
        "é=1",
    ],
)
def test_a_query_string_that_servers_read_differently_is_refused(query: str) -> None:
    with pytest.raises(Unreadable):
        read_query(query)


def test_a_form_is_read_field_by_field() -> None:
    body = read_body(
        request(body=b"name=A%26B+C&note=%C3%A9%0D%0Ax%0B&empty=", content_type=FORM_TYPE + ";charset=UTF-8")
    )
    assert body.fields == (("name", "A&B C"), ("note", "é\r\nx\x0b"), ("empty", ""))
    assert body.format is Format.FORM


def test_a_multipart_form_is_read_part_by_part() -> None:
    file = part("file", b"%PDF\x00\xff", more='; filename="a b.pdf"\r\nContent-Type: application/pdf')
    body = read_body(request(body=multipart(part("kind", "é".encode()), file), content_type=MULTIPART_TYPE))
    assert body.fields == (("kind", "é"),)
    assert body.files == ("file",)


def test_a_json_body_is_read_as_texts_of_its_values() -> None:
    body = read_body(
        request(
            body=b'{"attested": true, "n": 1, "t": "a\\n\\u001b\\"", "o": {"a": [1]}}', content_type="application/json"
        )
    )
    assert body.fields == (("attested", "true"), ("n", "1"), ("t", '"a\\n\\u001b\\""'), ("o", '{"a":[1]}'))


@pytest.mark.parametrize(
    "body",
    [
        b"a=1;_method=put",
        b"_method=put",
        b"%5Fmethod=put",
        b"a=%00",
        b"a=\x00",
        b"a=%FF",
        b"a=\xff",
        b"a=%u0041",
        b"a=1&&b=2",
        b"=1",
        b"_charset_=ebcdic",
        b"X-HTTP-Method-Override=PUT",
        b"%2500a=1",
        b"a={}",
        b"a=1\r\nb=2",
        b"_httpMethod=PUT",
        b"+_method=PUT",
        b"a=" + b"x" * (65 << 10),
        b"&".join([b"a=1"] * 2000),
        gzip.compress(b"a=1", mtime=0),
        "a=1".encode("utf-16"),
        b"+AGE-=1" + b"\x80",
    ],
)
def test_a_form_that_servers_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_body(request(body=body))


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/octet-stream",
        "application/xml",
        "text/ping",
        "",
        "application/csp-report",
        FORM_TYPE + "; charset=ebcdic-cp-us",
        FORM_TYPE + "; charset=utf-7",
        FORM_TYPE + "; charset=utf-8; charset=utf-16",
        FORM_TYPE + ", application/json",
        "Application/JSON; charset=utf-16",
        "application/vnd.api+json",
        "application/json; profile=x",
    ],
)
def test_a_body_of_an_undeclared_type_is_refused(content_type: str) -> None:
    for body in (b"a=1", b'{"a": 1}'):
        with pytest.raises(Unreadable):
            read_body(request(body=body, content_type=content_type))


def test_a_body_with_an_encoding_or_two_types_is_refused() -> None:
    for encoding in ("gzip", "br", "identity"):
        with pytest.raises(Unreadable):
            read_body(request(body=b"a=1", content_encoding=encoding))
    twice = request(body=b"a=1")
    object.__setattr__(twice, "headers", (*twice.headers, ("content-type", "text/plain")))
    with pytest.raises(Unreadable):
        read_body(twice)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "A": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"\\u0061": 1}',
        b'{"_method": "PUT"}',
        b'{"a": {"_method": "PUT"}}',
        b'{"\\u005fmethod": "PUT"}',
        b'{"a": "\\u0041"}',
        b'{"a": "\\/"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1} {"b": 2}',
        b"[1]",
        b'"a"',
        b"1",
        b"",
        b"{",
        b"{'a': 1}",
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a": 1}\x00',
        b'{"a": 1} // x',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"1" * 10_000 + b"}",
        b'{"a": "' + b"x" * (70 << 10) + b'"}',
    ],
)
def test_a_json_body_that_servers_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_body(request(body=body, content_type="application/json"))


@pytest.mark.parametrize(
    "parts",
    [
        [part("a", b"1", more="\r\nContent-Transfer-Encoding: base64")],
        [part("a", b"1", more="\r\nContent-Type: text/plain; charset=utf-7")],
        [part("a", b"1", more="\r\nContent-Type: text/plain")],
        [part("a", b"1", more='; filename="f"\r\nContent-Type: multipart/mixed; boundary=y')],
        [part("a", b"1", more="; filename*=utf-8''x")],
        [part("a", b"1", more='; name="b"')],
        [part('a\\"b', b"1")],
        [part("_method", b"PUT")],
        [part("_charset_", b"ebcdic")],
        [part("a", b"\xff")],
        [part("a", b"\x00")],
        [part("a", b"x" * (65 << 10))],
        [b'content-disposition: form-data; name="a"\r\n\r\n1'],
        [b"Content-Disposition: form-data; name=a\r\n\r\n1"],
        [b'Content-Disposition: form-data; name="a"\n\n1'],
        [b'Content-Disposition: attachment; name="a"\r\n\r\n1'],
        [part("f", b"x\n--x\r\n" + part("action", b"submit"), more='; filename="f"')],
        [part("f", b"x\r\n--xy", more='; filename="f"')],
        [b"no head"],
        [part("a", b"1")] * 2000,
    ],
)
def test_a_multipart_form_that_servers_read_differently_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(Unreadable):
        read_body(request(body=multipart(*parts), content_type=MULTIPART_TYPE))


@pytest.mark.parametrize(
    ("prefix", "suffix"), [(b"preamble\r\n", b""), (b"", b"epilogue"), (b"\r\n", b""), (b"", b"--x--\r\n")]
)
def test_what_stands_beside_the_parts_is_refused(prefix: bytes, suffix: bytes) -> None:
    body = prefix + multipart(part("a", b"1")) + suffix
    with pytest.raises(Unreadable):
        read_body(request(body=body, content_type=MULTIPART_TYPE))


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="x"',
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=x; charset=utf-7",
    ],
)
def test_a_multipart_type_of_another_spelling_is_refused(content_type: str) -> None:
    with pytest.raises(Unreadable):
        read_body(request(body=multipart(part("a", b"1")), content_type=content_type))


FLOODS = {
    "overrides": (b"&".join(b"_method=%06d" % number for number in range(300_000)), FORM_TYPE),
    "escapes": (b"a=" + b"%41" * (5 << 20), FORM_TYPE),
    "parts": (b"--x" * (2 << 20), MULTIPART_TYPE),
    "names": (b'--x\r\nContent-Disposition: form-data; name="' * 100_000, MULTIPART_TYPE),
    "brackets": (b'{"a": ' + b"[" * 1_000_000, "application/json"),
    "backslashes": (b'{"a": "' + b"\\" * 1_000_000, "application/json"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_refused_in_little_time(flood: str) -> None:
    body, content_type = FLOODS[flood]
    outgoing = request(body=body, content_type=content_type)
    started = time.process_time()
    with pytest.raises(Unreadable):
        read_body(outgoing)
    assert time.process_time() - started < 1.0
