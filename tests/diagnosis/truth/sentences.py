"""What each sentence of a diagnosis says of a connection, as a question to its setup.

A sentence that no row knows fails the test: give it a row that says what would make it a lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.api import Trace
from lab.tls.events import Endpoint, LocalFact
from lab.x509.verify_codes import VerifyCode as V
from tests.diagnosis.truth.certificates import Sent, ServerCertificate, client_identity
from tests.diagnosis.truth.client_flaws import Stage
from tests.diagnosis.truth.flaws import UNTRUSTED
from tests.diagnosis.truth.setup import Asks, Clock, Ending, Given, Names, Reason, Refusal, Setup
from tests.diagnosis.truth.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A connection, what is true of it, and what was traced."""

    setup: Setup
    truth: Truth
    trace: Trace

    def has(self, *names: str) -> bool:
        """Return whether the client sent a certificate with one of these flaws."""
        return bool({flaw.name for flaw in self.truth.present} & set(names))

    @property
    def refused_by_tls(self) -> bool:
        return self.truth.stage is not None and self.truth.stage < Stage.APPLICATION

    @property
    def is_captured(self) -> bool:
        """Whether the trace is a capture's, in which the client reports nothing."""
        return not any(isinstance(event, LocalFact) for event in self.trace.events)

    @property
    def passed_handshake(self) -> bool:
        """Whether the handshake accepted the client; it may be asked for a certificate later."""
        return not self.refused_by_tls or (
            self.setup.asks is Asks.AFTER_REQUEST
            and self.truth.stage is not None
            and self.truth.stage > Stage.SERVER_CERTIFICATE
        )

    @property
    def sends_one_alert(self) -> bool:
        """Whether all that comes after the client's flight may be an alert, fatal or not."""
        closes = self.setup.application.ending is Ending.CLOSE_NOTIFY and self.setup.tickets == 0
        return closes or (self.refused_by_tls and self.setup.refusal is Refusal.ALERT)

    def ended_by_server(self, end: str) -> bool:
        """Return whether the server ended TCP or TLS in this way and sent no alert."""
        if self.refused_by_tls:
            return Endpoint.SERVER in self.truth.by and self.setup.refusal.value == end
        return self.setup.application.ending.value == end


Rule = Callable[[Known], bool]


def _always(_: Known) -> bool:
    return True


def _has(*names: str) -> Rule:
    return lambda known: known.has(*names)


def _is_untrusted(known: Known) -> bool:
    names = ("CA not trusted", "CA of the same name", "server knows the intermediate only")
    return known.has(*names, "self-signed")


def _server_is(*kinds: ServerCertificate) -> Rule:
    return lambda known: known.setup.server_certificate in kinds


# What the summary of a cause says, by its code.
CAUSES: dict[str, Rule] = {
    "client-certificate-expired": _has("expired", "intermediate expired", "CA expired"),
    "client-certificate-not-yet-valid": _has("not yet valid"),
    "client-certificate-self-signed": _has("self-signed"),
    "client-certificate-revoked": _has("revoked", "intermediate revoked"),
    "client-intermediate-missing": _has("intermediate not sent"),
    "client-ca-not-trusted": _is_untrusted,
    "client-issuer-is-no-ca": _has("intermediate no CA"),
    "client-path-length-exceeded": _has("path length"),
    "client-name-constraints-violated": _has("name constraints", "name constraints of the root"),
    "client-unknown-critical-extension": _has("critical extension"),
    "client-bad-certificate-signature": _has("tampered"),
    "client-wrong-extended-key-usage": _has("purpose", "intermediate's purpose"),
    "client-wrong-key-usage": _has("key usage"),
    "client-key-or-digest-too-weak": _has("weak key"),
    "client-message-too-large": _has("too large"),
    "client-crl-unusable": _has("CRL missing", "CRL expired", "CRL the root's only"),
    "client-certificate-refused": lambda known: known.truth.stage is Stage.CERTIFICATE,
    "client-key-not-proved": lambda known: known.truth.stage is Stage.CERTIFICATE,  # "may"
    "client-finished-wrong": lambda known: known.truth.stage is Stage.CERTIFICATE,  # "may"
    "no-client-certificate": lambda known: (
        not known.setup.presents or (known.is_captured and known.setup.withholds)
    ),
    "no-fitting-client-certificate": lambda known: (
        known.setup.withholds or (known.is_captured and not known.setup.presents)
    ),
    "no-common-version": lambda known: known.setup.version not in known.setup.server_versions,
    "no-common-cipher-suite": lambda known: bool(known.setup.suites),
    "no-common-group": lambda known: bool(known.setup.group),
    "no-common-signature-algorithm": lambda known: bool(known.setup.suites),
    "no-common-application-protocol": _has("ALPN"),
    "unknown-server-name": lambda known: known.setup.host_rule.value != 0,
    "refused-at-hello": lambda known: known.truth.stage is Stage.HELLO,
    "refused-without-alert": lambda known: (
        Endpoint.CLIENT not in known.truth.by
        and any(map(known.ended_by_server, ("FIN", "RST", "close_notify")))
    ),
    "server-certificate-expired": _server_is(ServerCertificate.EXPIRED),
    "server-certificate-not-yet-valid": _server_is(ServerCertificate.FUTURE),
    "server-certificate-self-signed": _server_is(ServerCertificate.SELF_SIGNED),
    "server-name-mismatch": _server_is(ServerCertificate.OTHER_NAME),
    "server-ca-not-trusted": _server_is(
        ServerCertificate.OTHER_ROOT, ServerCertificate.SELF_SIGNED
    ),
    "server-intermediate-missing": lambda _: False,
    "server-wrong-extended-key-usage": _server_is(ServerCertificate.CLIENTS),
    "http-refuses-identity": lambda known: known.setup.sends,
    "http-certificate-refused": lambda known: (
        known.setup.application.reason is Reason.BAD_CERTIFICATE
    ),
    "http-wants-certificate": lambda known: not known.setup.sends and known.setup.is_asked,
    "http-not-about-certificates": lambda known: not known.setup.is_asked,
    "mutual-tls": lambda known: known.setup.sends and not known.refused_by_tls,
    "not-mutual": lambda known: not known.setup.is_asked,
    "certificate-optional": lambda known: (
        not known.setup.sends
        and known.setup.asks in (Asks.OPTIONAL, Asks.UNVERIFIED)
        and not known.refused_by_tls
    ),
    "taken-despite-flaw": lambda known: (
        any(flaw.stage is Stage.CERTIFICATE for flaw in known.truth.present)
        and not known.refused_by_tls
    ),
    "no-answer": lambda known: (
        known.setup.application.ending is not Ending.ANSWER and not known.refused_by_tls
    ),
    "http-wrong-host": lambda known: known.setup.application.reason is Reason.HOST,
    "client-ca-expired": _has("CA expired"),
    "no-post-handshake-authentication": lambda known: known.setup.application.reason is Reason.LATE,
    "asked-after-handshake": lambda known: known.setup.asks is Asks.AFTER_REQUEST,
    "taken-against-files": lambda known: _is_refused_here(known) and not known.refused_by_tls,
    "server-clock": lambda known: known.setup.clock is not Clock.RIGHT,
    "broken-off-afterwards": lambda known: known.setup.application.ending is not Ending.ANSWER,
    "no-verdict": lambda _: False,  # all servers here answer, or end
    "cannot-be-told": _always,
    "accepted-unseen": lambda known: known.passed_handshake,
    "accepted-by-tls": lambda known: known.setup.sends and known.passed_handshake,
    "server-certificate-refused": lambda known: known.truth.stage is Stage.SERVER_CERTIFICATE,
    "server-crl-unusable": lambda _: False,  # this client checks none
    "client-clock": lambda _: False,
    "refused-by-unread-alert": lambda known: (
        Endpoint.SERVER in known.truth.by and known.sends_one_alert
    ),
    "client-left-by-unread-alert": lambda known: known.truth.stage is Stage.SERVER_CERTIFICATE,
    "client-left": lambda known: known.truth.stage is Stage.SERVER_CERTIFICATE,
}


def _alert_by(by: Endpoint) -> Rule:
    return lambda known: (
        known.refused_by_tls
        and by in known.truth.by
        and (by is Endpoint.CLIENT or known.setup.refusal is Refusal.ALERT)
    )


def _nothing_shows(known: Known) -> bool:
    return not any(
        flaw.shows(known.setup)
        for flaw in known.truth.present
        if flaw.stage is Stage.CERTIFICATE
        and not flaw.name.startswith(("revoked", "intermediate r"))
    )


def _length(known: Known, number: int) -> bool:
    chain = 1 + (known.setup.certificate.depth if known.setup.certificate.sent is Sent.WHOLE else 0)
    return number == chain


def _is_refused_here(known: Known) -> bool:
    """Return whether OpenSSL refuses the chain by the files that the tracer's user gives."""
    return known.setup.given is Given.OTHER or any(
        flaw.stage is Stage.CERTIFICATE and flaw.name not in _NOT_HERE
        for flaw in known.truth.present
    )


def _is_accepted_here(known: Known) -> bool:
    return known.setup.given is Given.RIGHT and not _is_refused_here(known)


# What the files of the user do not tell.
_NOT_HERE = ("CRL missing", "clock ahead", "clock behind", "too large")

_NUMBERS = {"one certificate": 1, "2 certificates": 2, "3 certificates": 3}

# Lines of evidence.
EVIDENCE: tuple[tuple[str, Rule], ...] = (
    (
        r"HTTP answered \d+|the handshake completed, and HTTP answered \d+(: .*)?",
        lambda known: known.setup.application.ending is Ending.ANSWER and not known.refused_by_tls,
    ),
    (r"an untrusted CA and a missing intermediate look the same on the wire", _always),
    (
        r"inferred from the alert alone: .*",
        lambda known: any(_alert_by(end)(known) for end in Endpoint),
    ),
    (r"no HTTP response was read: HTTP may still refuse the client", _always),
    (
        r"no ServerHello or CertificateRequest was sent: .*",
        lambda known: known.truth.stage is Stage.HELLO,
    ),
    (r"only the (server|client) can report whether it verified .*", _always),
    (r"the handshake could not be read whole", _always),
    (r"TLS 1.3 encrypts the certificates: .*", lambda known: known.setup.version == "1.3"),
    (r"some servers refuse a certificate by HTTP only, as nginx does", _always),
    (
        r"the client's first encrypted record is as long as an empty Certificate message",
        lambda known: known.setup.is_asked and not known.setup.sends,
    ),
    (
        r"(after the client's flight the server sent a record that is no alert by its length"
        r"|both ends had changed to encryption), .*so the handshake accepted the client.*",
        lambda known: known.passed_handshake,
    ),
    (
        r"after the client's flight the server sent only a record that is as long as .*",
        lambda known: known.sends_one_alert,
    ),
    (
        r"the server sent nothing after the client's flight, which cannot be read",
        lambda known: known.setup.refusal is not Refusal.ALERT or not known.refused_by_tls,
    ),
    (
        r"the handshake accepted the client; the server answered its data with an alert .*",
        lambda known: not known.refused_by_tls,
    ),
    (
        r"the (server|client) ended the connection with an alert that cannot be read.*",
        lambda known: known.setup.refusal is Refusal.ALERT or not known.refused_by_tls,
    ),
    (
        r"the first record that the client encrypted is as long as an alert: .*",
        lambda known: known.truth.stage is Stage.SERVER_CERTIFICATE,
    ),
    (r"possible: a wrong private key, .*", _always),
    (r"the signature of the (client|server) over the handshake verifies, checked here", _always),
    (
        r"checked here: the signature verifies with the key of the certificate; possible: .*",
        _always,
    ),
    (r"possible: .*a fault of the server's", _always),  # see POSSIBLE
    (r"one of several causes that fit: which one it is cannot be told from the wire", _always),
    (r"whether (that is the reason|the server uses these files) is not visible .*", _always),
    (r"nothing that was sent can show it", _always),
    (r"or it may know that CA as an intermediate, and lack the root above it", _always),
    (r"the alert \S+ is not in use for this", _always),  # see _DENIED
    (r"OpenSSL, asked here with .*, accepts the (client's )?chain.*", _is_accepted_here),
    (
        r"the certificate of CN=.* does not permit the name DNS:client.elsewhere.example",
        _has("name constraints", "name constraints of the root"),
    ),
    (r"the certificate of CN=.* has the path length 0, and CAs below it: 1", _has("path length")),
    (r"the client's certificate has the critical extension 2.999.1", _has("critical extension")),
    (
        r"the client's certificate is not signed with the key of the next certificate .*",
        _has("tampered"),
    ),
    (r"the client's key is EC secp256r1, issued by CN=.*", lambda known: known.setup.presents),
    (
        r"the client did not offer post-handshake authentication; .*"
        r"|the ClientHello has no post_handshake_auth",
        lambda known: known.setup.application.reason is Reason.LATE,
    ),
    (
        r"the client sent no host name \(SNI\); .*|the client sent no name in its .* \(SNI\)",
        lambda known: known.setup.sni is None,
    ),
    (
        r"the server answered",
        lambda known: known.setup.application.ending is Ending.ANSWER and not known.refused_by_tls,
    ),
    (
        r"the first CertificateRequest came behind the server's Finished",
        lambda known: known.setup.asks is Asks.AFTER_REQUEST and known.setup.is_asked,
    ),
    (
        r"the server asked after the handshake, for this request; .*",
        lambda known: known.setup.asks is Asks.AFTER_REQUEST and known.setup.is_asked,
    ),
    (r"the server sent no TLS message", lambda known: known.truth.stage is Stage.HELLO),
    (r"subject and issuer are both CN=known-truth-client", _has("self-signed")),
    (r"subject and issuer are both CN=localhost", _server_is(ServerCertificate.SELF_SIGNED)),
    (
        r"the certificate of CN=.*, has the extendedKeyUsage serverAuth, without clientAuth",
        _has("intermediate's purpose"),
    ),
    (r"the certificate of CN=.*, is not a CA certificate", _has("intermediate no CA")),
    (r"the certificate of CN=.*, was valid until .*", _has("intermediate expired", "CA expired")),
    (r"the certificates themselves show no cause", _nothing_shows),
    (r"the chain has \d+ bytes; OpenSSL accepts 102400 by default", _has("too large")),
    (r"the client accepts [a-z0-9_, ]+ and \d+ more", _always),
    (
        r"the client asked for \S+; subjectAltName has DNS:elsewhere.example",
        _server_is(ServerCertificate.OTHER_NAME),
    ),
    (r"the client had written data already: .*", lambda known: known.ended_by_server("RST")),
    (r"the client offers TLS 1.2", lambda known: known.setup.version == "1.2"),
    (r"the client offers TLS 1.3", lambda known: known.setup.version == "1.3"),
    (r"the client offers (TLS_|x25519).*", _always),
    (r"the client offers (h2, )?(http/1.1|h2)", lambda known: bool(known.setup.client_alpn)),
    (r"the client presented a certificate", lambda known: known.setup.sends),
    *(
        (
            rf"the client sent {text}, and no root",
            lambda known, number=number: _length(known, number),
        )
        for text, number in _NUMBERS.items()
    ),
    (r"the server sent one certificate, and no root", _always),
    (r"the client sent no server_name", lambda known: known.setup.sni is None),
    (
        r"the client sent the server_name unknown.example",
        lambda known: known.setup.sni == "unknown.example",
    ),
    (r"the client sent the alert .*", _alert_by(Endpoint.CLIENT)),
    (r"the server sent the alert .*", _alert_by(Endpoint.SERVER)),
    (r"the client verified the server's certificate", _server_is(ServerCertificate.GOOD)),
    (r"the client's Certificate message is empty", lambda known: not known.setup.sends),
    (r"the client's OpenSSL says: .*", lambda known: known.truth.stage is Stage.SERVER_CERTIFICATE),
    (
        r"the client's certificate has the extendedKeyUsage serverAuth, without clientAuth",
        _has("purpose"),
    ),
    (r"the client's certificate has the keyUsage keyEncipherment, .*", _has("key usage")),
    (r"the client's certificate has a key of 1024 bits \(RSA\)", _has("weak key")),
    (r"the client's certificate is valid from .*", _has("not yet valid")),
    (r"the client's certificate was valid until .*", _has("expired")),
    (
        r"the server accepted the client's Certificate and CertificateVerify",
        lambda known: known.setup.sends and not known.refused_by_tls,
    ),
    (r"the server accepts signatures by .*", _always),
    (
        r"the server continued",
        lambda known: known.setup.application.ending is Ending.ANSWER and not known.refused_by_tls,
    ),
    *(
        (
            rf"the server ended the connection with {end} and no alert.*|then came {end}, .*",
            lambda known, end=end: known.ended_by_server(end),
        )
        for end in ("FIN", "RST", "close_notify")
    ),
    (r"the server had accepted the client's last flight", lambda known: not known.refused_by_tls),
    (
        r"the server names CN=.*; its CA may be another one of the same name",
        lambda known: known.setup.names is not Names.NONE,
    ),
    (
        r"the server names no CA: the issuer of a certificate is no reason to send none",
        lambda known: known.setup.names is Names.NONE,
    ),
    (
        r"a certificate whose issuer is not named is as a rule withheld by .*",
        lambda known: known.setup.names is not Names.NONE and known.is_captured,
    ),
    (r"the server names the CAs CN=.*", lambda known: known.setup.names is not Names.NONE),
    (r"the server sent CertificateRequest", lambda known: known.setup.is_asked),
    (r"the server sent no CertificateRequest", lambda known: not known.setup.is_asked),
    (
        r"the server sent no application data, no session ticket and no alert",
        lambda known: known.setup.application.ending is not Ending.ANSWER,
    ),
    (
        r"the server's certificate has the extendedKeyUsage clientAuth, without serverAuth",
        _server_is(ServerCertificate.CLIENTS),
    ),
    (r"the server's certificate is valid from .*", _server_is(ServerCertificate.FUTURE)),
    (r"the server's certificate was valid until .*", _server_is(ServerCertificate.EXPIRED)),
)


def _is_code_here(known: Known, line: re.Match[str]) -> bool:
    """Return whether OpenSSL can have said this by the files that the tracer's user gives."""
    codes = {code for flaw in known.truth.present for code in flaw.verify}
    if known.setup.given is Given.OTHER:
        codes |= UNTRUSTED | {V.DEPTH_ZERO_SELF_SIGNED_CERT}
    return known.setup.given is not Given.NOTHING and int(line["code"]) in codes


def _is_last_issuer(known: Known, line: re.Match[str]) -> bool:
    """Return whether a chain ends as said, and the server names what is said."""
    if "server names" not in line["names"]:
        return known.truth.stage is Stage.SERVER_CERTIFICATE
    last = client_identity(known.setup.certificate).chain[-1]
    names_none = known.setup.names is Names.NONE
    return last.issuer.rfc4514_string() == line["issuer"] and names_none == (
        "names no CAs" in line["names"]
    )


# Lines of evidence that are compared with the setup by what they say.
CLAIMS: tuple[tuple[str, Callable[[Known, re.Match[str]], bool]], ...] = (
    (
        r"OpenSSL, asked here .*(says|refuses the client's chain): .*code (?P<code>\d+)\)",
        _is_code_here,
    ),
    (
        r"the chain ends with a certificate issued by (?P<issuer>CN=[^,]*)(?P<names>.*)",
        _is_last_issuer,
    ),
    (
        r"(the handshake completed, and )?HTTP answered (?P<status>\d+)(: .*)?",
        lambda known, line: int(line["status"]) == known.setup.application.status,
    ),
    (
        r"the (client|server) sent the alert \S+ \((?P<number>\d+)\) .*",
        lambda known, line: (
            known.trace.outcome.alert is not None
            and int(line["number"]) == known.trace.outcome.alert.description
        ),
    ),
    (
        r"the client sent the server_name (?P<name>\S+)",
        lambda known, line: line["name"] == known.setup.sni,
    ),
)

# Words of summaries that say more than their code does.
SUMMARIES: tuple[tuple[str, Rule], ...] = (
    (r"^this is not mutual TLS", lambda known: known.setup.asks is Asks.NEVER),
)

# Advice that is wrong where these do not hold; all other advice is taken as it is.
FIXES: tuple[tuple[str, Rule], ...] = (
    (
        r"the cause is not in the handshake",
        lambda known: known.setup.application.reason.name in ("REQUEST", "CRASH"),
    ),
)
