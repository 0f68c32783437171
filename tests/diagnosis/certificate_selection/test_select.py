"""What each kind of client sends is what was measured of it."""

from __future__ import annotations

from datetime import datetime, timezone

from lab.diagnosis.certificate_selection.select import select
from lab.tls.code_points import ProtocolVersion
from lab.tls.messages import CertificateRequest

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)


def test_each_kind_of_client_is_there_once() -> None:
    found = select(CertificateRequest(), ProtocolVersion.TLS_1_3, (), now=NOW)
    codes = [selection.client.code for selection in found]
    assert codes
    assert len(codes) == len(set(codes))
