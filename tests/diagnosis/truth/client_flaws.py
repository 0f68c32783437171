"""Flaws of a client's chain, of the known truth, and what a flaw is.

A flaw is recognised in a setup by what the setup is, not by how it came about: so the truth of a
connection follows from its setup alone.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lab.pki.identity import KeyKind
from lab.x509.verify_codes import VerifyCode as V
from tests.diagnosis.truth.certificates import (
    ClientCertificate,
    Dates,
    Purpose,
    Root,
    Sent,
)
from tests.diagnosis.truth.setup import (
    Engine,
    Refusal,
    Setup,
)


class Stage(enum.IntEnum):
    """Where a flaw ends a connection, the earliest first."""

    HELLO = 1
    SERVER_CERTIFICATE = 2
    REQUEST = 3
    CERTIFICATE = 4
    APPLICATION = 5


Change = Callable[[Setup], Setup]
Holds = Callable[[Setup], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong.

    ``codes`` are the causes that are true for it; ``verify`` what the verifying OpenSSL says;
    ``shows`` tells whether the wire, and what the tracer's user has, show it. ``engine`` is the
    only server that can have it, None for any.
    """

    name: str
    stage: Stage
    change: Change
    holds: Holds
    codes: frozenset[str]
    verify: frozenset[int] = frozenset()
    shows: Holds = lambda _: True
    engine: Engine | None = None


def with_fields(**fields: Any) -> Change:
    return lambda setup: replace(setup, **fields)


def with_client(**fields: Any) -> Change:
    return lambda setup: replace(
        setup, presents=True, certificate=replace(setup.certificate, **fields)
    )


def under_intermediate(**fields: Any) -> Change:
    def change(setup: Setup) -> Setup:
        depth = max(1, setup.certificate.depth)
        return with_client(depth=depth, is_self_signed=False, **fields)(setup)

    return change


def has(check: Callable[[ClientCertificate], bool]) -> Holds:
    return lambda setup: setup.sends and check(setup.certificate)


def is_told_by_alert(setup: Setup) -> bool:
    return setup.refusal is Refusal.ALERT


def _sends_intermediate(setup: Setup) -> bool:
    spec = setup.certificate
    return spec.depth > 0 and spec.sent is not Sent.LEAF


def _certificate(
    name: str,
    code: str,
    change: Change,
    check: Callable[[ClientCertificate], bool],
    *verify: int,
    shows: Holds = lambda _: True,
    engine: Engine | None = None,
) -> Flaw:
    return Flaw(
        name=name,
        stage=Stage.CERTIFICATE,
        change=change,
        holds=has(check),
        codes=frozenset({f"client-{code}"}),
        verify=frozenset(verify),
        shows=shows,
        engine=engine,
    )


def is_under(spec: ClientCertificate) -> bool:
    return spec.depth > 0 and not spec.is_self_signed


CLIENT_FLAWS = (
    _certificate(
        "expired",
        "certificate-expired",
        with_client(dates=Dates.EXPIRED),
        lambda spec: spec.dates is Dates.EXPIRED,
        V.CERT_HAS_EXPIRED,
    ),
    _certificate(
        "not yet valid",
        "certificate-not-yet-valid",
        with_client(dates=Dates.FUTURE),
        lambda spec: spec.dates is Dates.FUTURE,
        V.CERT_NOT_YET_VALID,
    ),
    _certificate(
        "intermediate expired",
        "certificate-expired",
        under_intermediate(intermediate_dates=Dates.EXPIRED, sent=Sent.WHOLE),
        lambda spec: is_under(spec) and spec.intermediate_dates is Dates.EXPIRED,
        V.CERT_HAS_EXPIRED,
        shows=_sends_intermediate,
    ),
    _certificate(
        "purpose",
        "wrong-extended-key-usage",
        with_client(purpose=Purpose.SERVER),
        lambda spec: spec.purpose is Purpose.SERVER,
        V.INVALID_PURPOSE,
    ),
    _certificate(
        "intermediate's purpose",
        "wrong-extended-key-usage",
        under_intermediate(intermediate_purpose=Purpose.SERVER, sent=Sent.WHOLE),
        lambda spec: is_under(spec) and spec.intermediate_purpose is Purpose.SERVER,
        V.INVALID_PURPOSE,
        shows=_sends_intermediate,
    ),
    _certificate(
        "key usage",
        "wrong-key-usage",
        with_client(may_sign=False),
        lambda spec: not spec.may_sign,
        V.INVALID_PURPOSE,
    ),
    _certificate(
        "intermediate no CA",
        "issuer-is-no-ca",
        under_intermediate(intermediate_is_ca=False, sent=Sent.WHOLE),
        lambda spec: is_under(spec) and not spec.intermediate_is_ca,
        V.INVALID_CA,
        shows=_sends_intermediate,
    ),
    _certificate(
        "path length",
        "path-length-exceeded",
        with_client(depth=2, path_length_exceeded=True, is_self_signed=False, sent=Sent.WHOLE),
        lambda spec: spec.depth > 1 and spec.path_length_exceeded and not spec.is_self_signed,
        V.PATH_LENGTH_EXCEEDED,
    ),
    _certificate(
        "name constraints",
        "name-constraints-violated",
        under_intermediate(
            intermediate_is_constrained=True, has_forbidden_name=True, sent=Sent.WHOLE
        ),
        lambda spec: (
            is_under(spec) and spec.intermediate_is_constrained and spec.has_forbidden_name
        ),
        V.PERMITTED_VIOLATION,
    ),
    Flaw(
        name="name constraints of the root",
        stage=Stage.CERTIFICATE,
        change=lambda setup: with_client(
            root=Root.CONSTRAINED, has_forbidden_name=True, is_self_signed=False, sent=Sent.WHOLE
        )(replace(setup, trusted=(*setup.trusted, Root.CONSTRAINED))),
        holds=has(lambda spec: spec.root is Root.CONSTRAINED and spec.has_forbidden_name),
        codes=frozenset({"client-name-constraints-violated"}),
        verify=frozenset({V.PERMITTED_VIOLATION}),
        shows=lambda setup: setup.certificate.sent is Sent.WITH_ROOT,
    ),
    _certificate(
        "critical extension",
        "unknown-critical-extension",
        with_client(has_unknown_extension=True),
        lambda spec: spec.has_unknown_extension,
        V.UNHANDLED_CRITICAL_EXTENSION,
    ),
    _certificate(
        "tampered",
        "bad-certificate-signature",
        with_client(is_tampered=True, is_self_signed=False),
        lambda spec: spec.is_tampered and not spec.is_self_signed,
        V.CERT_SIGNATURE_FAILURE,
        shows=lambda setup: setup.certificate.sent is Sent.WITH_ROOT or _sends_intermediate(setup),
    ),
    _certificate(
        "self-signed",
        "certificate-self-signed",
        with_client(is_self_signed=True, depth=0),
        lambda spec: spec.is_self_signed,
        V.DEPTH_ZERO_SELF_SIGNED_CERT,
    ),
    _certificate(
        "intermediate not sent",
        "intermediate-missing",
        under_intermediate(sent=Sent.LEAF),
        lambda spec: is_under(spec) and spec.sent is Sent.LEAF,
        V.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        V.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        shows=lambda _: False,
    ),
    _certificate(
        "weak key",
        "key-or-digest-too-weak",
        with_client(kind=KeyKind.RSA_1024, is_self_signed=False),
        lambda spec: spec.kind is KeyKind.RSA_1024,
        V.EE_KEY_TOO_SMALL,
        engine=Engine.PYTHON,  # whose contexts have security level 2 everywhere
    ),
    _certificate(
        "too large",
        "message-too-large",
        with_client(ballast=110_000),
        lambda spec: spec.ballast > 102_400,
    ),
)
