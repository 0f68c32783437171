"""Tell for each kind of client what it sends for a CertificateRequest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.diagnosis.certificate_selection import (
    gnutls_clients,
    go_clients,
    java_clients,
    nss_clients,
    openssl_clients,
    other_clients,
)
from lab.diagnosis.certificate_selection.candidates import (
    Candidate,
    SelectionQuestion,
    SelectionVerdict,
    covered,
    sends_empty,
    uncovered_request,
    unknown,
)
from lab.diagnosis.certificate_selection.cited_clients import CITED
from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientProgram,
    ClientSelection,
    Decision,
)
from lab.tls.code_points import ProtocolVersion
from lab.tls.messages import CertificateRequest

_NOTHING = "the client has no certificate"
_WHICH = "which of them the program was given is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """How one kind of client selects.

    With ``one`` it is given a single certificate. ``source`` is "" for what was measured here.
    """

    client: ClientProgram
    sentence: str
    decide: Callable[[SelectionQuestion, Sequence[Candidate]], SelectionVerdict]
    one: bool = False
    source: str = ""


def _rule(
    code: str,
    name: str,
    versions: str,
    decide: Callable[[SelectionQuestion, Sequence[Candidate]], SelectionVerdict],
    sentence: str,
    *,
    one: bool = False,
) -> _Rule:
    client = ClientProgram(code=code, name=name, versions=versions)
    return _Rule(client=client, sentence=sentence, decide=decide, one=one)


_RULES = (
    _rule(
        "openssl",
        "OpenSSL programs given one certificate (curl, openssl s_client)",
        "OpenSSL 3.0.22 and 4.0.3, curl 7.88.1",
        openssl_clients.one_certificate,
        "They send what they are given, whatever CAs are named, if its key can make a signature "
        "that the server takes and it is signed as signature_algorithms_cert asks, otherwise an "
        "empty Certificate",
        one=True,
    ),
    _rule(
        "python",
        "Python (ssl)",
        "Python 3.11.7, OpenSSL 3.0.22",
        openssl_clients.in_own_order,
        "As OpenSSL programs; of several it keeps the last of each kind of key, and sends in TLS "
        "1.2 the last of all, in TLS 1.3 EC before Ed25519 before RSA",
    ),
    _rule(
        "node",
        "Node",
        "Node 20.20.2, OpenSSL 3.0.19",
        openssl_clients.in_servers_order,
        "As OpenSSL programs; of several, which must have keys of different kinds, it sends in "
        "TLS 1.2 the last, in TLS 1.3 the first by the order of the server's algorithms",
    ),
    _rule(
        "go",
        "Go (Config.Certificates)",
        "Go 1.27.3",
        go_clients.from_certificates,
        "It sends the first whose chain has an issuer among the named CAs, compared byte for "
        "byte, and whose key fits the algorithms and, in TLS 1.2, the certificate types, "
        "otherwise an empty Certificate",
    ),
    _rule(
        "go-callback",
        "Go (Config.GetClientCertificate)",
        "Go 1.27.3",
        go_clients.from_callback,
        "It sends what the callback returns, whatever CAs are named, and breaks off with "
        "handshake_failure where its key can make no signature that the server takes",
        one=True,
    ),
    _rule(
        "java-sunx509",
        "Java (key manager SunX509, the default)",
        "OpenJDK 17.0.15",
        java_clients.simple,
        "It sends one whose chain has an issuer among the named CAs, compared without regard to "
        "string type, case and spaces, and whose kind of key fits the algorithms and types, "
        "otherwise an empty Certificate; where then the curve does not fit it breaks off",
    ),
    _rule(
        "java-pkix",
        "Java (key manager PKIX, NewSunX509)",
        "OpenJDK 17.0.15",
        java_clients.pkix,
        "As SunX509, and each certificate of the chain must be signed by an algorithm that the "
        "server lists; those for clients and in date go before others, which are sent all the same",
    ),
    _rule(
        "rustls",
        "rustls given one certificate",
        "Deno 2.9.8, rustls 0.23.40",
        other_clients.rustls,
        "It sends what it is given, whatever CAs are named, if its key can make a signature that "
        "the server takes, the curve fitting in TLS 1.2 too, otherwise an empty Certificate",
        one=True,
    ),
    _rule(
        "gnutls",
        "GnuTLS (the library)",
        "GnuTLS 3.7.9",
        gnutls_clients.library,
        "It sends the first with an issuer among the named CAs, in the order of the names and "
        "compared byte for byte, and in TLS 1.3 of a kind of key that the algorithms have, RSA "
        "only by rsa_pkcs1_*; where no CA is named it sends its certificate if it has only one; "
        "otherwise an empty Certificate, but where only the key does not fit it breaks off in "
        "TLS 1.2",
    ),
    _rule(
        "gnutls-cli",
        "gnutls-cli",
        "gnutls-cli 3.7.9",
        gnutls_clients.command,
        "It sends what it is given, whatever CAs are named; where its key can make no signature "
        "that the server takes it breaks off in TLS 1.2, and sends an empty Certificate in TLS 1.3",
        one=True,
    ),
    _rule(
        "boringssl",
        "BoringSSL as gRPC uses it",
        "grpcio 1.85.3",
        other_clients.boringssl,
        "It sends what it is given, whatever CAs are named, and breaks off where the algorithms, "
        "or the certificate types of TLS 1.2, do not fit its key",
        one=True,
    ),
    _rule(
        "nss",
        "NSS, any certificate of its database",
        "NSS 3.87.1",
        nss_clients.any_certificate,
        "It sends one that is for clients and in date, whose chain has an issuer among the named "
        "CAs, compared by text whatever the string type, otherwise an empty Certificate",
    ),
    _rule(
        "nss-named",
        "NSS, a certificate that the program names",
        "NSS 3.87.1",
        nss_clients.named_certificate,
        "It sends the one that it is told to, whatever CAs are named and out of date or not, if "
        "it is for clients and its key fits, otherwise an empty Certificate",
        one=True,
    ),
    _rule(
        "chromium",
        "Chromium on Linux",
        "Chromium 156.0.8078.114",
        nss_clients.chromium,
        "It proposes those that are for clients and in date, whose chain has an issuer among the "
        "named CAs, compared byte for byte, and sends an empty Certificate where there is none; "
        "it breaks off where the key of the chosen one does not fit. With it go the certificates "
        "above it up to the named CA, none where no CA is named",
    ),
)

_CITED = tuple(
    _Rule(
        client=ClientProgram(code=code, name=name, versions=""),
        sentence=sentence,
        decide=decide,
        source=source,
    )
    for code, name, sentence, source, decide in CITED
)


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
    question = SelectionQuestion(request=request, version=version, now=now)
    candidates = [covered(given) for given in at_hand]
    reason = uncovered_request(question) or next(
        (candidate for candidate in candidates if isinstance(candidate, str)), ""
    )
    known = [candidate for candidate in candidates if isinstance(candidate, Candidate)]
    return tuple(_selection(rule, question, known, reason) for rule in (*_RULES, *_CITED))


def _selection(
    rule: _Rule, question: SelectionQuestion, candidates: Sequence[Candidate], reason: str
) -> ClientSelection:
    verdict = unknown(reason) if reason else _verdict(rule, question, candidates)
    return ClientSelection(
        client=rule.client,
        decision=verdict.decision,
        certificate=verdict.certificate,
        rule=rule.sentence,
        reason=verdict.reason,
        source=rule.source or f"runs of {rule.client.versions}",
        measured=not rule.source,
    )


def _verdict(
    rule: _Rule, question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    if not candidates:
        return sends_empty(_NOTHING)
    if len(candidates) == 1 or not rule.one:
        return rule.decide(question, candidates)
    verdicts = [rule.decide(question, [candidate]) for candidate in candidates]
    if len({verdict.decision for verdict in verdicts}) > 1:
        return unknown(_WHICH)
    if verdicts[0].decision is Decision.SENDS:
        return SelectionVerdict(decision=Decision.SENDS, reason=_WHICH)
    return verdicts[0]
