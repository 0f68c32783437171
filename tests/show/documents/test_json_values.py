"""Values of results as JSON has them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from lab.inspecting.results import FoundProblem, Grade
from lab.show.documents.json_values import fields_of, json_value
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint
from lab.x509.certificates import CertificateDescription


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("\x1b", "\x1b"),
        (b"\x00\xff", "00ff"),
        (True, True),
        (None, None),
        (Endpoint.CLIENT, "client"),
        (AlertDescription.UNKNOWN_CA, {"number": 48, "name": "unknown_ca"}),
        ((b"\x01", ("a",)), ["01", ["a"]]),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc), "2026-01-02T03:04:05Z"),
        (timedelta(days=-1, microseconds=1), -86399),
    ],
)
def test_a_value_as_json_has_it(value: object, expected: object) -> None:
    assert json_value(value) == expected


def test_a_serial_number_is_hexadecimal() -> None:
    fields = fields_of(CertificateDescription(serial=-(2**100)))
    assert fields["serial"] == f"-0x1{'0' * 25}"
    assert fields["authority_serial"] is None


def test_der_that_is_not_shown_is_left_out() -> None:
    assert "public_key" not in fields_of(CertificateDescription(public_key=b"der"))


def test_a_grade_is_written_by_its_name() -> None:
    problem = FoundProblem(
        code="x", grade=Grade.NOT_READ, summary="x", evidence=(), reference="x", fix="x"
    )
    assert fields_of(problem)["grade"] == "not_read"
