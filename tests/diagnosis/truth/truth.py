"""What is true of a composed connection, and what a trace of it made of that."""

from __future__ import annotations

from dataclasses import dataclass

from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.events import Endpoint
from lab.x509.verify_codes import VerifyCode as V
from tests.diagnosis.truth.client_flaws import Flaw, Stage
from tests.diagnosis.truth.compose import flaws_of
from tests.diagnosis.truth.setup import (
    Asks,
    Clock,
    Ending,
    Given,
    Lists,
    Reason,
    Refusal,
    Setup,
)

# What OpenSSL sends for a verify code (ssl_x509err2alert in its ssl/statem/statem_lib.c); 46 for
# all others.
_ALERTS: dict[int, int] = {
    V.CERT_HAS_EXPIRED: 45,
    V.CRL_HAS_EXPIRED: 45,
    V.CERT_NOT_YET_VALID: 42,
    V.CRL_NOT_YET_VALID: 42,
    V.CERT_REVOKED: 44,
    V.CERT_SIGNATURE_FAILURE: 51,
    V.INVALID_PURPOSE: 43,
    V.INVALID_CA: 48,
    V.PATH_LENGTH_EXCEEDED: 48,
    V.UNABLE_TO_GET_CRL: 48,
    V.EE_KEY_TOO_SMALL: 42,
    V.UNABLE_TO_GET_ISSUER_CERT: 48,
    V.UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 48,
    V.UNABLE_TO_VERIFY_LEAF_SIGNATURE: 48,
    V.SELF_SIGNED_CERT_IN_CHAIN: 48,
    V.DEPTH_ZERO_SELF_SIGNED_CERT: 48,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """How a connection ends, and why.

    ``present`` are all flaws, ``flaws`` those that end it; ``codes`` are the causes that may come
    first, ``is_told`` whether one of these must, since the wire shows it. ``stage`` is None where
    nothing refuses.
    """

    result: frozenset[Result]
    by: frozenset[Endpoint | None]
    signals: frozenset[Signal | None]
    stage: Stage | None
    present: tuple[Flaw, ...]
    flaws: tuple[Flaw, ...]
    codes: frozenset[str]
    is_told: bool


def truth_of(setup: Setup, verify_code: int | None) -> Truth:
    """Return what is true of ``setup``; ``verify_code`` is what the server's OpenSSL found first.

    That only tells which of two flaws ended it, and is checked against them.
    """
    flaws = [flaw for flaw in flaws_of(setup) if _counts(flaw, setup)]
    stage = min((flaw.stage for flaw in flaws), default=None)
    here = [flaw for flaw in flaws if flaw.stage is stage]
    if stage is None:
        return _after_tls(setup)
    if stage is Stage.CERTIFICATE:
        here = _first(here, verify_code)
    by = Endpoint.CLIENT if stage is Stage.SERVER_CERTIFICATE else Endpoint.SERVER
    signal = Signal.ALERT if by is Endpoint.CLIENT else Signal(setup.refusal.value)
    others = [flaw for flaw in flaws if flaw.stage is stage and flaw not in here]
    alike = [flaw for flaw in others if _is_alike(flaw, here, setup)]
    if _is_judged_here(setup) and all(flaw.verify for flaw in here):
        alike = []
    codes = frozenset(code for flaw in (*here, *alike) for code in flaw.codes)
    # A server that leaves at the ClientHello without a byte may not speak TLS.
    unheard = stage is Stage.HELLO and signal is not Signal.ALERT
    return Truth(
        result=frozenset({Result.FAILED if unheard else Result.REJECTED}),
        by=frozenset({by}),
        signals=frozenset({signal}),
        stage=stage,
        present=tuple(flaws_of(setup)),
        flaws=tuple(here),
        codes=codes,
        is_told=all(_shows(flaw, setup) for flaw in (*here, *alike)),
    )


def _counts(flaw: Flaw, setup: Setup) -> bool:
    """Return whether a flaw is looked at: a server that does not verify passes over most."""
    return flaw.stage is not Stage.CERTIFICATE or setup.is_judged or flaw.name == "too large"


def _first(flaws: list[Flaw], verify_code: int | None) -> list[Flaw]:
    found = [
        flaw
        for flaw in flaws
        if (verify_code in flaw.verify if verify_code is not None else not flaw.verify)
    ]
    assert found, f"OpenSSL says {verify_code}, and the flaws are {[flaw.name for flaw in flaws]}"
    return found


def _is_judged_here(setup: Setup) -> bool:
    """Return whether the tracer can ask OpenSSL all that the server asked."""
    given = setup.given is Given.RIGHT and setup.lists is not Lists.MISSING
    return given and setup.clock is Clock.RIGHT


def _shows(flaw: Flaw, setup: Setup) -> bool:
    # OpenSSL says the same of an issuer that is not trusted and of one that was not sent.
    alike = flaw.name in ("CA not trusted", "intermediate not sent")
    judged = flaw.stage is Stage.CERTIFICATE and _is_judged_here(setup)
    is_misled = flaw.stage is Stage.CERTIFICATE and setup.given is Given.OTHER
    return (flaw.shows(setup) and not is_misled) or (judged and not alike)


def _is_alike(flaw: Flaw, firsts: list[Flaw], setup: Setup) -> bool:
    """Return whether the refusal looks the same for another flaw that is there, too."""
    if setup.refusal is not Refusal.ALERT:
        return True
    alerts = {alert for first in firsts for alert in _alerts(first)}
    # bad_certificate and certificate_unknown are in use for nearly everything.
    return bool(alerts & (_alerts(flaw) | {42, 46}))


def _alerts(flaw: Flaw) -> set[int]:
    return {_ALERTS.get(code, 46) for code in flaw.verify} or {47}


def _after_tls(setup: Setup) -> Truth:
    application = setup.application
    by: set[Endpoint | None] = {None}
    signals: set[Signal | None] = {None, Signal.CLOSE_NOTIFY}
    result, codes, is_told = {Result.ACCEPTED}, {_accepted(setup)}, True
    if application.ending is not Ending.ANSWER:
        # TLS was in order, or could be: only a ticket or ChangeCipherSpec tells the tracer so, and
        # nothing of a certificate that is asked for later. A reset takes with it what is unread.
        is_seen = setup.version == "1.2" or setup.tickets > 0
        is_seen &= application.ending is not Ending.RST
        is_seen &= setup.asks is not Asks.AFTER_REQUEST or not setup.is_asked
        result = {Result.ACCEPTED, Result.FAILED, *(() if is_seen else (Result.REJECTED,))}
        by, signals = {None, Endpoint.SERVER}, set(Signal)
        codes, is_told = _UNANSWERED_CODES | _OF_REASON.get(application.reason, set()), False
    elif application.reason is not Reason.NONE and application.status in _REFUSALS:
        result, by, signals = {Result.REJECTED}, {Endpoint.SERVER}, {Signal.HTTP_STATUS}
        codes, is_told = _HTTP_CODES | _OF_REASON.get(application.reason, set()), False
        if application.reason is Reason.BAD_CERTIFICATE:
            codes = codes | {code for flaw in flaws_of(setup) for code in flaw.codes}
    return Truth(
        result=frozenset(result),
        by=frozenset(by),
        signals=frozenset(signals),
        stage=None if is_told else Stage.APPLICATION,
        present=tuple(flaws_of(setup)),
        flaws=(),
        codes=frozenset(codes),
        is_told=is_told,
    )


_UNANSWERED_CODES = {"broken-off-afterwards", "no-answer", "refused-without-alert"}
# What may come first for these besides.
_OF_REASON = {
    Reason.HOST: {"http-wrong-host"},
    Reason.LATE: {"no-post-handshake-authentication"},
    Reason.NO_CERTIFICATE: {"no-client-certificate"},
}
# 404 and what begins with 5 refuse nobody: RFC 9110 sections 15.5 and 15.6.
_REFUSALS = (400, 401, 403, 421)
_HTTP_CODES = {
    "http-refuses-identity",
    "http-certificate-refused",
    "http-wants-certificate",
    "http-not-about-certificates",
}


def _accepted(setup: Setup) -> str:
    if not setup.is_asked:
        return "not-mutual"
    return "mutual-tls" if setup.sends else "certificate-optional"


def outcome_problem(outcome: Outcome, truth: Truth) -> str:
    """Return what is wrong with an outcome, "" for nothing."""
    for name, value, right in (
        ("result", outcome.result, truth.result),
        ("by", outcome.by, truth.by),
        ("signal", outcome.signal, truth.signals),
    ):
        if value not in right:
            return f"{name} is {value}, not {right}"
    return ""
