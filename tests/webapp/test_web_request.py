"""Requests as handlers get them: query, fields, files."""

from __future__ import annotations

import pytest

from lab.http.message import RequestHead
from lab.webapp.multipart import FormError
from lab.webapp.web_request import UploadedFile, request_of
from tests.webapp.test_multipart import BOUNDARY, body_of


def head(content_type: bytes = b"", *, query: str = "") -> RequestHead:
    headers = {b"content-type": content_type} if content_type else {}
    return RequestHead(method="POST", path="/a%20b", headers=headers, client=None, query=query)


def test_path_and_query_are_decoded() -> None:
    request = request_of(head(query="a=1&a=2&b=%C3%A9&c"), b"", {"x": "y"})
    assert (request.path, request.parameters) == ("/a b", {"x": "y"})
    assert request.query == {"a": "2", "b": "é", "c": ""}
    assert request.form.file("capture") is None


def test_a_form_without_files() -> None:
    request = request_of(head(b"application/x-www-form-urlencoded"), b"host=+a+&x=%00", {})
    assert (request.form.text("host"), request.form.fields["x"]) == ("a", "\0")
    assert request.form.text("none") == ""


def test_a_form_with_files() -> None:
    body = body_of(
        ('name="host"', b"localhost"),
        ('name="files"; filename="a.pem"', b"1"),
        ('name="files"; filename="b.pem"', b"2"),
        ('name="empty"; filename=""', b""),
    )
    form = request_of(head(b"multipart/form-data; boundary=" + BOUNDARY), body, {}).form
    assert form.text("host") == "localhost"
    assert form.files["files"] == [
        UploadedFile(name="a.pem", data=b"1"),
        UploadedFile(name="b.pem", data=b"2"),
    ]
    assert form.file("empty") is None


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(FormError):
        request_of(head(query="&".join("a=1" for _ in range(101))), b"", {})
