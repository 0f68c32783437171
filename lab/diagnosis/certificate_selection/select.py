"""Tell for each kind of client what it sends for a CertificateRequest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientProgram,
    ClientSelection,
    Decision,
)
from lab.tls.code_points import ProtocolVersion
from lab.tls.messages import CertificateRequest

_OPENSSL = ClientProgram(code="openssl", name="OpenSSL programs", versions="")


def select(
    request: CertificateRequest,
    version: ProtocolVersion,
    at_hand: Sequence[CertificateAtHand],
    *,
    now: datetime,
) -> tuple[ClientSelection, ...]:
    """Return what each kind of client does with a request, for a client that has ``at_hand``.

    The order of ``at_hand`` is that in which the client was given them. ``now`` (aware) is for the
    clients that look at dates. What no measurement covers is ``Decision.UNKNOWN``.
    """
    return (
        ClientSelection(
            client=_OPENSSL,
            decision=Decision.UNKNOWN,
            certificate=None,
            rule="",
            reason="not measured",
            source="",
            measured=False,
        ),
    )
