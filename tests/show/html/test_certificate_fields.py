"""The fields of a certificate cover it from start to end, and say what is in them."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from lab.show.html.certificate_fields import with_certificates
from lab.tls.events import MessageSeen
from lab.tls.layout import Field, event_layout
from lab.tls.messages import CertificateRequest
from lab.tracing.results import Trace
from tests.support.harness import Identities


def whole(data: bytes) -> Field:
    return Field(name="cert_data", start=0, end=len(data), meaning="", reference="")


def leaves(field: Field) -> Iterator[Field]:
    if not field.children:
        yield field
    for child in field.children:
        yield from leaves(child)


def covers(field: Field) -> bool:
    at = field.start
    for leaf in leaves(field):
        if leaf.start != at:
            return False
        at = leaf.end
    return at == field.end


def test_each_byte_is_in_one_field_that_says_what_it_is(identities: Identities) -> None:
    data = identities.client.der
    field = with_certificates(data, whole(data))
    assert covers(field)
    said = {leaf.name: leaf.meaning for leaf in leaves(field)}
    assert said["subject"].startswith("whose it is: CN=")
    assert said["extendedKeyUsage"] == "clientAuth"
    assert said["notAfter"].endswith("UTC")
    assert said["signatureValue"] == "the CA's signature"


def test_a_certificate_with_bytes_behind_it_stays_one_field(identities: Identities) -> None:
    data = identities.client.der + b"more"
    assert with_certificates(data, whole(data)).children == ()


def test_what_is_no_certificate_stays_one_field() -> None:
    assert with_certificates(b"<script>", whole(b"<script>")) == whole(b"<script>")


@given(st.data())
def test_a_damaged_certificate_is_covered_too(identities: Identities, data: st.DataObject) -> None:
    damaged = bytearray(identities.client.der)
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] = data.draw(st.integers(0, 255))
    assert covers(with_certificates(bytes(damaged), whole(bytes(damaged))))


def test_the_name_of_a_ca_is_read(captured: dict[str, list[Trace]]) -> None:
    (trace,) = captured["tls13_dsb"]
    requests = [
        event
        for event in trace.events
        if isinstance(event, MessageSeen) and isinstance(event.message, CertificateRequest)
    ]
    layout = event_layout(requests[0])
    assert layout is not None
    said = [leaf.meaning for leaf in leaves(with_certificates(*layout))]
    assert "the name of a CA, in DER: CN=h2 CA" in said
