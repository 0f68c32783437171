"""Forms with files, as browsers write them, and what no browser writes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.webapp.multipart import FormError, FormPart, boundary_of, parts_of

BOUNDARY = b"----WebKitFormBoundaryx"


def body_of(*parts: tuple[str, bytes], end: bytes = b"--\r\n") -> bytes:
    pieces = [
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n"
        % (BOUNDARY, disposition.encode(), data)
        for disposition, data in parts
    ]
    return b"".join(pieces) + b"--" + BOUNDARY + end


def test_fields_and_files_come_out_as_they_are() -> None:
    data = bytes(range(256)) + b"\r\n--not the boundary\r\n"
    body = body_of(
        ('name="host"', b"localhost"),
        ('name="capture"; filename="a%22b.pcap"', data),
        ('name="none"; filename=""', b""),
    )
    assert list(parts_of(body, BOUNDARY)) == [
        FormPart(name="host", filename=None, data=b"localhost"),
        FormPart(name="capture", filename='a"b.pcap', data=data),
        FormPart(name="none", filename="", data=b""),
    ]


@pytest.mark.parametrize("text", ["boundary=abc", 'charset=x; boundary="abc"', "BOUNDARY=abc"])
def test_boundary_of_a_content_type(text: str) -> None:
    assert boundary_of(f"multipart/form-data; {text}".encode()) == b"abc"


def test_a_content_type_without_boundary_is_refused() -> None:
    with pytest.raises(FormError, match="boundary"):
        boundary_of(b"multipart/form-data")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--other\r\n",
        body_of(('name="a"', b"1"), end=b""),
        body_of(('name="a"', b"1"), end=b"\r\n"),
        body_of(('name="a"', b"1")).removesuffix(b"--" + BOUNDARY + b"--\r\n"),
        body_of(("nothing", b"1")),
        b"--" + BOUNDARY + b"\r\n" + b"x" * 9000 + b"\r\n\r\n1\r\n--" + BOUNDARY + b"--",
        body_of(*[('name="a"', b"1")] * 201),
    ],
)
def test_what_no_browser_writes_is_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        list(parts_of(body, BOUNDARY))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"--" + BOUNDARY, b"--" + BOUNDARY + b"\r\n"])
)
def test_whatever_comes_is_parts_or_a_form_error(data: bytes, begin: bytes) -> None:
    with contextlib.suppress(FormError):
        for part in parts_of(begin + data, BOUNDARY):
            assert part.name is not None
