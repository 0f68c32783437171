"""Captures, certificates and texts by form: read from memory, and nothing on the disk."""

from __future__ import annotations

import gzip
import shlex
from pathlib import Path

import pytest

from lab.webapp.bring.answers import NotAnswered
from lab.webapp.bring.file_forms import explain_form, inspect_form, read_capture_form
from lab.webapp.web_request import Form, UploadedFile

CAPTURES = Path(__file__).resolve().parents[2] / "vectors" / "captures"


def form_of(fields: dict[str, str] | None = None, **files: UploadedFile | None) -> Form:
    given = {name: [file] for name, file in files.items() if file is not None}
    return Form(fields=fields or {}, files=given)


def uploaded(path: Path) -> UploadedFile:
    return UploadedFile(name=path.name, data=path.read_bytes())


def test_a_capture_with_its_key_log() -> None:
    path = next(iter(sorted(CAPTURES.glob("*.keylog"))))
    capture = next(CAPTURES.glob(f"{path.stem}.pcap*"))
    found = read_capture_form(form_of(capture=uploaded(capture), keylog=uploaded(path)))
    assert "ClientHello" in found.view
    assert shlex.split(found.command)[3:] == [f"./{capture.name}", "--keylog", path.name]


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.name)
def test_each_capture_is_read_from_memory_as_from_its_file(path: Path) -> None:
    found = read_capture_form(form_of(capture=uploaded(path)))
    packed = UploadedFile(name=f"{path.name}.gz", data=gzip.compress(path.read_bytes()))
    assert read_capture_form(form_of(capture=packed)).view == found.view


def test_a_capture_that_is_damaged_shows_what_comes_before() -> None:
    data = (CAPTURES / "tls12_accepted_no_keylog.pcap").read_bytes()
    packed = gzip.compress(data) + b"garbage"
    found = read_capture_form(form_of(capture=UploadedFile(name="x.pcap.gz", data=packed)))
    assert "damaged" in found.view and "ClientHello" in found.view


def test_a_capture_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lab.webapp.bring.file_forms._SECONDS", -1.0)
    capture = uploaded(CAPTURES / "tls12_accepted_no_keylog.pcap")
    with pytest.raises(NotAnswered, match="takes longer than"):
        read_capture_form(form_of(capture=capture))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "choose a capture"),
        (b"\0" * 100, "not a capture"),
        (b"<script>alert(1)</script>", "an XML or HTML document"),
    ],
)
def test_what_is_no_capture(data: bytes, message: str) -> None:
    with pytest.raises(NotAnswered, match=message):
        read_capture_form(form_of(capture=UploadedFile(name="x.pcap", data=data)))


def test_certificates_are_inspected_together(certs: Path) -> None:
    names = ("ca.crt", "client.crt", "client.key")
    files = [uploaded(certs / name) for name in names]
    found = inspect_form(Form(fields={"role": "client"}, files={"files": files}))
    assert "CN=mtls-client" in found.view
    assert "PRIVATE KEY" not in found.view
    assert shlex.split(found.command)[3:] == ["inspect", "--as", "client", *names]


def test_a_password_opens_a_file(certs: Path) -> None:
    pfx = uploaded(certs / "client.pfx")
    with pytest.raises(NotAnswered, match=r"client\.pfx: the PKCS#12 file needs a password"):
        inspect_form(form_of(files=pfx))
    assert "CN=mtls-client" in inspect_form(form_of({"password": "changeit"}, files=pfx)).view


def test_what_cannot_be_inspected() -> None:
    with pytest.raises(NotAnswered, match="choose certificates"):
        inspect_form(form_of())
    text = UploadedFile(name="a\x00<b>", data=b"text")
    with pytest.raises(NotAnswered, match="a file: contains no certificate"):
        inspect_form(form_of(files=text))
    huge = UploadedFile(name="huge.crl", data=bytes(2**26))
    with pytest.raises(NotAnswered, match=r"huge\.crl: is larger than"):
        inspect_form(form_of(files=huge))
    with pytest.raises(NotAnswered, match="the limit is 50"):
        inspect_form(Form(files={"files": [text] * 51}))


def test_an_error_text_is_explained() -> None:
    found = explain_form(form_of({"text": "remote error: tls: bad certificate"}))
    assert "bad_certificate" in found.view
    assert shlex.split(found.command)[3:] == ["remote error: tls: bad certificate"]


def test_a_page_of_a_log_and_hostile_text() -> None:
    found = explain_form(form_of({"text": "<script>alert(1)</script>\nx\x1b[2J " * 50}))
    assert "<script>" not in found.view and "\x1b" not in found.view
    assert found.command == "python -m lab.explain --file error.log"
    with pytest.raises(NotAnswered, match="paste an error text"):
        explain_form(form_of({"text": "  "}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-12", ["--", "-12"]),
        ("--json", ["--", "--json"]),
        ("-", ["--file", "error.log"]),
        ("a\nb", ["--file", "error.log"]),
    ],
)
def test_a_text_is_no_option_and_not_standard_input(text: str, words: list[str]) -> None:
    assert shlex.split(explain_form(form_of({"text": text})).command)[3:] == words


def test_names_of_files_are_no_options(certs: Path) -> None:
    data = (certs / "client.crt").read_bytes()
    files = [UploadedFile(name=name, data=data) for name in ("-x.pem", "--json")]
    found = inspect_form(Form(files={"files": files}))
    assert shlex.split(found.command)[3:] == ["inspect", "./-x.pem", "./--json"]
