"""Texts of Java: JSSE, PKIX, keystores, and libraries upon them.

Source: OpenJDK 17 and 25, run on loopback, and src/java.base/share/classes/sun/security/ssl; Apache
HttpClient, OkHttp, Netty and Bouncy Castle from their sources and public logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    SERVER,
    KnownText,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_LOCAL = KnownText("", direction=SENT, phase=HANDSHAKE)
_NO_CLIENT = ("no-client-certificate", "no-fitting-client-certificate")
_BUILDING = "pkix path building failed"
# Phrase, role, verify code of the like, causes where there is none, what it says.
_REFUSALS: tuple[tuple[str, str, int | None, tuple[str, ...], str], ...] = (
    (_BUILDING, "", 20, (), ""),
    ("unable to find valid certification path to requested target", "", 20, (), ""),
    ("path does not chain with any of the trust anchors", "", 20, (), ""),
    ("trust anchor for certification path not found", "", 20, (), ""),
    ("no trusted certificate found", "", 20, (), ""),
    ("pkix path validation failed", "", None, PEER_REFUSED, "the other end's chain was refused"),
    ("certificateexpiredexception", "", 10, (), ""),
    ("certificatenotyetvalidexception", "", 9, (), ""),
    ("certpathvalidatorexception: timestamp check failed", "", 10, (), ""),
    ("certpathvalidatorexception: validity check failed", "", None,
     ("peer:certificate-expired", "peer:certificate-not-yet-valid", "own:clock"),
     "a certificate of the other end is out of its dates"),
    ("certpathvalidatorexception: signature check failed", "", 7, (), ""),
    ("certpathvalidatorexception: certificate has been revoked", "", 23, (), ""),
    ("certificaterevokedexception", "", 23, (), ""),
    ("could not determine revocation status", "", 3, (), ""),
    ("chain validation failed", "", None, PEER_REFUSED,
     "Android refused the other end's chain; often its dates are not those of the device's clock"),
    ("dhpublickey does not comply to algorithm constraints", "client", None,
     ("dh-parameters-too-weak",), "the server's Diffie-Hellman key is too small"),
    ("could not generate dh keypair", "client", None, ("protocol-failure",),
     "the Diffie-Hellman parameters of the server are larger than this old Java takes"),
    ("unable to determine revocation status due to network error", "", 3, (), ""),
    ("extended key usage does not permit use for tls client authentication", "server", 26, (), ""),
    ("extended key usage does not permit use for tls server authentication", "client", 26, (), ""),
    ("keyusage does not allow digital signatures", "", 39, (), ""),
    ("keyusage does not allow key encipherment", "", 39, (), ""),
    ("basic constraints check failed", "", 79, (), ""),
    ("algorithm constraints check failed", "", None, ("peer:key-or-digest-too-weak",),
     "a key or a digest in the other end's chain is disabled in this Java"),
    ("certificates do not conform to algorithm constraints", "", None,
     ("peer:key-or-digest-too-weak",),
     "a key or a digest in the other end's chain is disabled in this Java"),
    ("certificates does not conform to algorithm constraints", "", None,
     ("peer:key-or-digest-too-weak",),
     "a key or a digest in the other end's chain is disabled in this Java"),
    ("no subject alternative names present", "client", None,
     ("server-san-missing", "server-name-mismatch"), "the server's certificate has no SAN"),
    ("no subject alternative dns name matching", "client", 62, (), ""),
    ("no subject alternative names matching ip address", "client", 64, (), ""),
    ("no name matching", "client", 62, (), ""),
    ("doesn't match any of the subject alternative names", "client", 62, (), ""),
    ("doesn't match common name of the certificate subject", "client", 62, (), ""),
    ("sslpeerunverifiedexception: hostname", "client", 62, (), ""),
    ("hostname in certificate didn't match", "client", 62, (), ""),
    ("empty client certificate chain", "server", None, _NO_CLIENT,
     "the server requires a client certificate, and the client sent none"),
    ("null cert chain", "server", None, _NO_CLIENT,
     "the server requires a client certificate, and the client sent none"),
    ("sslpeerunverifiedexception: peer not authenticated", "", None,
     ("no-certificate-sent", *PEER_REFUSED),
     "no certificate of the other end was taken: it sent none, or the handshake had failed"),
    ("empty server certificate chain", "client", None, ("no-certificate-sent",),
     "the server sent no certificate"),
    ("no available authentication scheme", "", None,
     ("no-common-signature-algorithm", "file-not-loadable"),
     "the speaker has no certificate that the other end's algorithms allow"),
    ("no cipher suites in common", "server", None,
     ("no-common-cipher-suite", "file-not-loadable", "no-common-signature-algorithm"),
     "no common cipher suite: also where the keystore has no usable key"),
    ("no appropriate protocol (protocol is disabled or cipher suites are inappropriate)", "", None,
     ("no-common-version", "no-common-cipher-suite"),
     "the speaker's own settings leave no version with a suite"),
    ("no negotiable cipher suite", "", None, ("no-common-cipher-suite",), "no common suite"),
    ("client requested protocol", "server", None, ("no-common-version",),
     "the client offers no TLS version that the server takes"),
    ("the client supported protocol versions", "server", None, ("no-common-version",),
     "the client offers no TLS version that the server takes"),
    ("the server selected protocol version", "client", None, ("no-common-version",),
     "the server chose a TLS version that the client does not take"),
    ("invalid certificateverify signature", "", None, ("peer:key-not-proved",),
     "the other end's signature does not verify"),
    ("certificateverify message signature verification failed", "", None, ("peer:key-not-proved",),
     "the other end's signature does not verify"),
)  # fmt: skip
_OF_SERVER = (
    "server-ca-not-trusted",
    "server-intermediate-missing",
    "server-certificate-self-signed",
    "server-name-mismatch",
    "server-certificate-expired",
)
_UNREAD = "what came is no TLS, as where one end speaks plain HTTP"
_OTHERS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("unrecognized ssl message, plaintext connection", ("no-tls",), _UNREAD),
    ("unsupported or unrecognized ssl message", ("no-tls",), _UNREAD),
    ("notsslrecordexception", ("no-tls",), _UNREAD),
    ("not an ssl/tls record", ("no-tls",), _UNREAD),
    ("remote host terminated the handshake", ENDED, "the other end closed TCP in mid-handshake; "
     "that names no cause"),
    ("remote host closed connection during handshake", ENDED,
     "the other end closed TCP in mid-handshake; that names no cause"),
    ("ssl peer shut down incorrectly", ENDED,
     "the other end closed TCP without close_notify; that names no cause"),
    ("received close_notify during handshake", ENDED,
     "the other end broke off the handshake; that names no cause"),
    ("closing inbound before receiving peer's close_notify", ENDED,
     "the other end closed TCP without close_notify; that names no cause"),
    ("connection or outbound has closed", ("used-after-close", *ENDED),
     "the connection was used after its end"),
    ("tag mismatch", ("records-altered", "key-not-opened"), "a record could not be decrypted"),
    ("insufficient buffer remaining for aead cipher fragment", ("records-altered",
     "protocol-failure"), "a record could not be decrypted: it is too short"),
    ("unexpected handshake message", ("protocol-failure",), "a message that has no place there"),
    ("should not be presented in certificate_request", ("protocol-failure",),
     "the server's CertificateRequest has an extension that this Java does not take there"),
    ("closed before receiving peer's close_notify", ENDED,
     "the other end closed TCP without close_notify; that names no cause"),
    ("handshake timed out after", ("silence", "no-tls"), "the handshake did not finish in time"),
    ("the trustanchors parameter must be non-empty", ("ca-file-unusable",),
     "the truststore is empty, or not there"),
    ("keystore was tampered with, or password was incorrect", ("key-not-opened",),
     "the keystore's password is wrong, or the file is damaged"),
    ("keystore password was incorrect", ("key-not-opened",), "the keystore's password is wrong"),
    ("cannot recover key", ("key-not-opened",),
     "the password of the key in the keystore is another than that of the keystore"),
    ("invalid keystore format", ("file-not-loadable", "legacy-encryption"),
     "the file is no keystore of the kind that was configured"),
)  # fmt: skip
_ROLES = {"client": CLIENT, "server": SERVER, "": KnownText("").role}


def _rows() -> Iterator[KnownText]:
    for phrase, role, code, causes, says in _REFUSALS:
        yield _LOCAL._replace(
            phrase=phrase,
            role=_ROLES[role],
            verify=code,
            causes=causes,
            says=says,
            general=phrase == "pkix path validation failed",
            in_context=phrase.startswith(("no name", "client requested", "null cert")),
        )
    yield KnownText(
        "sslhandshakeexception: handshake failed",
        says="the handshake failed; the reason is in the lines beside it",
        phase=HANDSHAKE,
        causes=PEER_REFUSED,
        general=True,
    )
    yield _LOCAL._replace(
        phrase="general sslengine problem",
        says="the handshake failed on this side; the reason is in the lines below it",
        causes=PEER_REFUSED,
        general=True,
    )
    for phrase, causes, says in _OTHERS:
        yield KnownText(
            phrase,
            causes=causes,
            says=says,
            in_context=phrase in ("tag mismatch", "unexpected handshake message"),
        )
    yield from _logged()


def _logged() -> Iterator[KnownText]:
    for words in ("send * alert: fatal, @", "send * alert: fatal, description = @"):
        yield KnownText(words, direction=SENT, captured="alert", general=True)
    for words in ("recv * alert: fatal, @", "recv * alert: fatal, description = @"):
        yield KnownText(words, direction=RECEIVED, captured="alert")
    for words in (
        "client did not trust this server's certificate",
        "http client did not trust this server's certificate",
    ):
        yield KnownText(
            words,
            "elasticsearch",
            says="the client refused this server's certificate, by an alert",
            role=SERVER,
            direction=RECEIVED,
            phase=HANDSHAKE,
            causes=_OF_SERVER,
        )
    for words in (
        "received plaintext traffic on an encrypted channel",
        "received plaintext http traffic on an https channel",
    ):
        yield KnownText(
            words,
            "elasticsearch",
            says="the client does not speak TLS on a port that has it",
            role=SERVER,
            causes=("no-tls",),
        )


TEXTS = from_source("OpenJDK 17 and 25, run on loopback; sun/security/ssl", "java", _rows())
