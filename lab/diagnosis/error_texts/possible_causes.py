"""What can be behind an error text: in words, how to tell whether it is that, and what to do.

Rules: codes are those of the diagnosis and of the problem table, with ``client-`` or ``server-``
before a problem of that end's certificate; OWN_CODES are the few that only a text can show, such
as trouble with a file. Words of certificate problems are those of the problem table.

This module must not know texts, alerts, or who speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lab.diagnosis.causes.later_clients import CANNOT_BE_ASKED_LATER
from lab.diagnosis.error_texts.results import PossibleCause
from lab.diagnosis.error_texts.scenarios_of_causes import SCENARIOS
from lab.x509 import file_problems, problems
from lab.x509.problems import chain_wording


class _Words(NamedTuple):
    summary: str
    how_to_tell: str
    fix: str


_GIVE = (
    "give the client a certificate and its key (--cert and --key here and in curl, cert= in "
    "requests, an SSLContext in httpx and aiohttp, tls.Config.Certificates in Go, a KeyStore in "
    "Java, key and cert in Node)"
)
_TRACE = "python -m lab.trace HOST:PORT"
_TRACE_CLIENT = f"{_TRACE} --cert FILE --key FILE"

_WORDS: Mapping[str, _Words] = {
    "no-client-certificate": _Words(
        "the server requires a client certificate, and the client sent none",
        f"{_TRACE} shows CertificateRequest and then an empty Certificate; with --cert and --key "
        "the refusal changes or goes",
        _GIVE,
    ),
    "no-fitting-client-certificate": _Words(
        "the client has a certificate, and sent none of it, as the server's request names other "
        "CAs or other kinds of keys",
        f"{_TRACE_CLIENT} shows whether Certificate is empty; python -m lab.explain --request "
        "HOST:PORT --cert FILE compares the two, and tells which kinds of client would send it",
        "use a certificate of a CA that the server names, with a kind of key that it takes; or "
        "have the server name the CA",
    ),
    "access-denied": _Words(
        "the certificate may be good, and its owner is not allowed in",
        "the server's log; another certificate of the same CA gets in",
        "let the server's rules allow this subject, or present another certificate",
    ),
    "client-certificate-refused": _Words(
        "the server refused the client's certificate, for a reason that the text does not give",
        f"{_TRACE_CLIENT} --client-ca FILE asks OpenSSL about the chain by the server's CA file",
        "read the server's log, which has the reason",
    ),
    "server-certificate-refused": _Words(
        "the client refused the server's certificate, for a reason that the text does not give",
        f"{_TRACE} --ca FILE says which check fails, with the CA file that the client uses",
        "read the client's own error message or log, which has the reason",
    ),
    "no-common-version": _Words(
        "client and server have no TLS version in common",
        f"{_TRACE} --tls1.2, then --tls1.3: which of the two is refused?",
        "enable a version on both ends that the other one has",
    ),
    "no-common-cipher-suite": _Words(
        "client and server have no cipher suite in common, or none that suits the server's key",
        f"{_TRACE} lists what was offered, and is refused before any CertificateRequest",
        "enable a common suite; give the server the kind of certificate that its suites need",
    ),
    "no-common-group": _Words(
        "client and server have no key exchange group in common",
        f"{_TRACE} lists the groups that were offered, and is refused before CertificateRequest",
        "enable one group on both sides, such as x25519 or secp256r1",
    ),
    "no-common-signature-algorithm": _Words(
        "a key of one end cannot sign in any way that the other end takes",
        f"{_TRACE} lists the signature algorithms of ClientHello and of CertificateRequest",
        "use a certificate with another kind of key, such as RSA 2048 or EC P-256",
    ),
    "unknown-server-name": _Words(
        "the server does not know the host name that the client sent (SNI), or wants one",
        f"{_TRACE} --sni NAME with the name that the server is configured for",
        "connect by that name, or add the name to the server",
    ),
    "no-common-application-protocol": _Words(
        "client and server have no application protocol (ALPN) in common",
        f"{_TRACE} --alpn h2,http/1.1: which one is taken?",
        "enable the same protocol on both ends, or send no ALPN",
    ),
    "no-tls": _Words(
        "one end does not speak TLS there: another port or protocol, STARTTLS, or a proxy",
        f"{_TRACE} shows the first bytes that came; curl -v http://HOST:PORT/ gets an answer",
        "use the port that serves TLS, https:// where it does and http:// where it does not",
    ),
    "legacy-renegotiation": _Words(
        "the server lacks secure renegotiation (RFC 5746), which the client requires",
        f"{_TRACE} --tls1.2 shows a ServerHello without renegotiation_info",
        "update the server's TLS library",
    ),
    "renegotiation-refused": _Words(
        "one end asked to renegotiate, as servers do that want a certificate for some paths only, "
        "and the other refuses",
        f"{_TRACE} --tls1.2 --request PATH shows whether the certificate is asked for late",
        "ask for the certificate in the first handshake, for the whole host",
    ),
    "no-post-handshake-authentication": _Words(
        "the server asks for a certificate after the handshake, and the client did not offer that",
        f"{_TRACE_CLIENT} --tls1.3, with and without --no-post-handshake-auth, gives different "
        "ends",
        "ask for the certificate in the handshake, or enable post-handshake authentication in the "
        f"client; these cannot: {CANNOT_BE_ASKED_LATER}",
    ),
    "later-request-failed": _Words(
        "the server had asked for a certificate in the handshake, and cannot ask again for this "
        "path: Apache in TLS 1.3 with SSLVerifyClient optional for the host and require in a "
        "<Location>",
        f"{_TRACE_CLIENT} --tls1.3 --request PATH shows CertificateRequest in the handshake, and "
        "403 behind the request",
        "set SSLVerifyClient require for the whole host, or none there and require in the "
        "<Location>",
    ),
    "refused-without-alert": _Words(
        "the other end closed the connection without an alert; the text names no cause",
        f"{_TRACE_CLIENT} shows after which message it closed, and what that leaves",
        "read the other end's log",
    ),
    "client-left": _Words(
        "the client ended the handshake without saying why: a browser that asks its user for a "
        "certificate and comes again, a time-out, a health check, a port scan, or a user who left",
        "the address of the client; python -m lab.probe --explain leaves-after-server-hello",
        "none, if it comes again and is accepted, or is a health check; else read the client's log",
    ),
    "server-left": _Words(
        "the server, or a device in between, ended the connection without saying why",
        f"{_TRACE} --tls1.2 and --tls1.3: after which message does it end?",
        "read the server's log",
    ),
    "silence": _Words(
        "the other end, or a device in between, did not answer in time",
        f"{_TRACE} --timeout 30 says what was waited for",
        "check that both ends run, and whether a firewall or proxy drops packets",
    ),
    "no-answer": _Words(
        "the handshake completed, and the server ended the connection without an answer",
        f"{_TRACE_CLIENT} --request PATH shows what came after the handshake",
        "read the server's log",
    ),
    "protocol-failure": _Words(
        "the two implementations do not get along, or data was altered on its way",
        f"{_TRACE} shows the message before the alert; try both versions, and without a proxy",
        "update both ends; look for a device that changes the traffic",
    ),
    "client-key-not-proved": _Words(
        "the client's signature does not verify: its key does not belong to its certificate, or "
        "its algorithm is not taken",
        "python -m lab.certs inspect client.crt client.key --as client says whether they match",
        "use the key that belongs to the certificate",
    ),
    "server-key-not-proved": _Words(
        "the server's signature does not verify: its key does not belong to its certificate, or "
        "the data was altered",
        "python -m lab.certs inspect server.crt server.key --as server says whether they match",
        "use the key that belongs to the certificate",
    ),
    "certificate-request-failed": _Words(
        "the server could not make its CertificateRequest, as with more CA names than fit into it",
        f"{_TRACE} shows ServerHello and no CertificateRequest; count the CAs in the server's file",
        "give the server a smaller CA file",
    ),
    "http-wants-certificate": _Words(
        "the handshake took the client without a certificate, and HTTP then refused the request",
        f"{_TRACE_CLIENT} --request PATH: with a certificate the answer changes",
        _GIVE,
    ),
    "http-certificate-refused": _Words(
        "the handshake was completed, and HTTP refused the request for an error in the client's "
        "certificate; which one is in the server's log",
        f"{_TRACE_CLIENT} --client-ca FILE asks OpenSSL about the chain by the server's CA file",
        "read the server's log, and mend or replace the certificate",
    ),
    "http-wrong-host": _Words(
        "the host name of the request is not the one of the connection (SNI)",
        f"{_TRACE} --sni NAME, with the name in the URL",
        "connect by the name that the request has",
    ),
    "internal-error": _Words(
        "the end that sent it met an error of its own, or does not say which rule was broken",
        "the log of that end",
        "read that log; some servers send it where no certificate is set up for the host",
    ),
    "user-canceled": _Words(
        "the other end ended the session; Java sends this before it closes in good order",
        f"{_TRACE_CLIENT} shows whether data came before it: then nothing was refused",
        "none, if the exchange was complete",
    ),
    "unknown-psk": _Words(
        "the server does not know the pre-shared key that the client offers",
        f"{_TRACE} offers none: does the handshake go further?",
        "configure the same identity and key on both ends",
    ),
    "records-altered": _Words(
        "a record could not be decrypted: it was altered, or the two ends have different keys",
        "does it also fail without the proxy or load balancer in between, and each time?",
        "look for a device that changes the traffic, and for a bug in an old TLS library",
    ),
    "dh-parameters-too-weak": _Words(
        "the server's Diffie-Hellman parameters are too small for the client",
        f"{_TRACE} --tls1.2 --security-level 0 gets further",
        "use ECDHE suites, or parameters of 2048 bits or more, on the server",
    ),
    "intercepting-proxy": _Words(
        "a proxy or a security product answers in the server's place, with a CA of its own",
        f"{_TRACE} names the issuer of the certificate that came: is it the expected CA?",
        "add the proxy's CA to what the client trusts, or exempt the host from inspection",
    ),
    "closed-by-own-end": _Words(
        "the speaker closed or reset the connection first, and the other end answered a bare "
        "close; the cause is in the speaker's own earlier lines",
        "the lines of this log before it",
        "mend what they say",
    ),
    "server-ocsp-response-refused": _Words(
        "the client refused the OCSP response that the server sent",
        "openssl s_client -connect HOST:PORT -status shows it",
        "renew the response, or switch stapling off",
    ),
    "session-context-missing": _Words(
        "a server that requires client certificates resumes sessions, and has no session id "
        "context",
        "the first connection of a client works, and the second fails",
        "call SSL_CTX_set_session_id_context, or switch session resumption off",
    ),
    "used-after-close": _Words(
        "the program went on using a connection that it, or the other end, had shut down",
        "the lines before it: why was the connection closed?",
        "mend what closed it first",
    ),
    "ca-file-unusable": _Words(
        "the file or folder of trusted CAs cannot be used: not there, not readable, or not PEM",
        "python -m lab.certs inspect FILE",
        "name an existing PEM file of CA certificates (--cacert in curl, --ca here)",
    ),
    "crl-file-unusable": _Words(
        "the CRL file cannot be loaded",
        "openssl crl -in FILE -noout -text",
        "name a PEM file of CRLs",
    ),
    "setting-not-taken": _Words(
        "a setting of this program is not possible with its TLS library",
        "openssl ciphers -v LIST, with the list that is configured",
        "correct the setting, or use a build that has the feature",
    ),
    "pinned-key-differs": _Words(
        "the server's key is not the pinned one",
        f"{_TRACE} shows the certificate that came: was it renewed with a new key?",
        "pin the new key, if it is the right server",
    ),
    "no-certificate-sent": _Words(
        "the other end sent no certificate",
        f"{_TRACE} shows an empty Certificate message, or none",
        "give that end a certificate and its key",
    ),
}

OWN_CODES = frozenset(
    {
        "internal-error",
        "user-canceled",
        "unknown-psk",
        "records-altered",
        "dh-parameters-too-weak",
        "intercepting-proxy",
        "closed-by-own-end",
        "server-ocsp-response-refused",
        "session-context-missing",
        "used-after-close",
        "ca-file-unusable",
        "crl-file-unusable",
        "setting-not-taken",
        "pinned-key-differs",
        "no-certificate-sent",
        "renegotiation-refused",
    }
)
"""Codes that the diagnosis of a connection does not have."""


# How to tell of a problem of a certificate: of the client's, and of the server's.
_INSPECT = {
    "client": "python -m lab.certs inspect client.crt client.key ca.crt --as client",
    "server": "python -m lab.certs inspect server.crt server.key ca.crt --as server",
}
_BY_FILES = {
    "client": f"{_TRACE_CLIENT} --client-ca FILE asks OpenSSL about the chain by the server's CA "
    "file",
    "server": f"{_TRACE} --ca FILE says which check fails, with the CA file that the client uses",
}
_IN_THE_FILES = {role: f"{command} shows it" for role, command in _INSPECT.items()}
_HOW_OF_PROBLEMS: Mapping[str, Mapping[str, str]] = {
    problems.UNTRUSTED_CA.code: _BY_FILES,
    problems.INTERMEDIATE_MISSING.code: {
        "client": f"{_TRACE_CLIENT} shows how many certificates the client sends, and who issued "
        "the last",
        "server": f"{_TRACE} shows how many certificates the server sends, and who issued the last",
    },
    problems.CRL_UNUSABLE.code: {
        "client": f"{_TRACE_CLIENT} --client-ca FILE --client-crl FILE, with the server's files; "
        "openssl crl -in FILE -noout -nextupdate",
        "server": "openssl crl -in FILE -noout -nextupdate, for each list that the client has",
    },
    problems.REVOKED.code: {
        "client": f"{_TRACE_CLIENT} --client-ca FILE --client-crl FILE, with the server's files",
        "server": "openssl verify -crl_check -CAfile CA.crt -CRLfile CRL.pem server.crt",
    },
    problems.CLOCK.code: {
        "client": "date -u on the client's machine",
        "server": "date -u on the server's machine",
    },
    problems.CA_EXPIRED.code: {
        "client": "python -m lab.certs inspect FILE, with the server's CA file",
        "server": "python -m lab.certs inspect FILE, with the client's CA file",
    },
    problems.WRONG_NAME.code: {
        "client": "the client's names: " + _INSPECT["client"],
        "server": f"{_TRACE} --sni NAME shows the names in the certificate",
    },
    problems.TOO_LARGE.code: {
        "client": f"{_TRACE_CLIENT} shows the size of the client's Certificate",
        "server": f"{_TRACE} shows the size of the server's Certificate",
    },
}
_OF_FILES = (
    "python -m lab.certs inspect FILE KEY shows what is in the files, and whether they match"
)
_ALL = {problem.code: problem for problem in problems.PROBLEMS}
_ALL_OF_FILES = {problem.code: problem for problem in file_problems.FILE_PROBLEMS}


def possible_causes(codes: Iterable[str]) -> tuple[PossibleCause, ...]:
    """Return the causes with these codes, each once, in their order. Raises KeyError."""
    return tuple(_cause(code) for code in dict.fromkeys(codes))


def _cause(code: str) -> PossibleCause:
    words = _WORDS.get(code)
    if words is None and code in _ALL_OF_FILES:
        of_file = _ALL_OF_FILES[code]
        words = _Words(of_file.summary, _OF_FILES, of_file.fix)
    if words is None:
        role, _, name = code.partition("-")
        words = _of_certificate(role, name)
    return PossibleCause(code=code, **words._asdict())


def _of_certificate(role: str, name: str) -> _Words:
    """Return the words of a problem of the certificate of ``role``, or of that end's clock."""
    problem = _ALL[name]
    other = "client" if role == "server" else "server"
    # A clock is that of the end that verifies, and the code names that end.
    owner = other if problem is problems.CLOCK else role
    wording = chain_wording(owner, role if owner == other else other)
    how = _HOW_OF_PROBLEMS.get(name, _IN_THE_FILES)[role]
    return _Words(problem.summary_in(wording), how, problem.fix_in(wording))


def scenarios_of(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the lab's scenarios that show one of the causes, each once."""
    return tuple(dict.fromkeys(name for code in codes for name in SCENARIOS.get(code, ())))
