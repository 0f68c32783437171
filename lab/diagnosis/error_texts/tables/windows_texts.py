"""Texts, event ids and status codes of Schannel, .NET and Apple's Secure Transport.

Source: winerror.h, the table of Schannel events in Microsoft's documentation, dotnet/runtime's
Strings.resx of System.Net.Security, SecureTransport.h; forms from public logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    SERVER,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_NO_CLIENT = ("no-client-certificate", "no-fitting-client-certificate")
_ALERT = (
    "no-client-certificate",
    "no-common-version",
    "no-common-cipher-suite",
    "own:certificate-refused",
    "unknown-server-name",
)
# Number, name, verify code of the like, causes, what it says, whether the speaker refuses by it.
_CODES: tuple[tuple[int, str, int | None, tuple[str, ...], str, bool], ...] = (
    (0x80090308, "SEC_E_INVALID_TOKEN", None, ("no-tls", "protocol-failure"),
     "what came is no TLS message that Schannel can read", False),
    (0x8009030E, "SEC_E_NO_CREDENTIALS", None, ("file-not-loadable", "key-does-not-fit"),
     "the speaker's own certificate has no key that it may use", False),
    (0x80090317, "SEC_E_CONTEXT_EXPIRED", None, ("used-after-close", "server-left"),
     "the connection was over before", False),
    (0x80090318, "SEC_E_INCOMPLETE_MESSAGE", None, ENDED, "the connection ended in a message",
     False),
    (0x80090320, "SEC_E_INCOMPLETE_CREDENTIALS", None, _NO_CLIENT,
     "the server asks for a client certificate, and none was given", False),
    (0x80090321, "SEC_E_BUFFER_TOO_SMALL", None, ("peer:message-too-large",),
     "a message is too large", True),
    (0x80090322, "SEC_E_WRONG_PRINCIPAL", 62, (), "", True),
    (0x80090325, "SEC_E_UNTRUSTED_ROOT", 20, (), "", True),
    (0x80090326, "SEC_E_ILLEGAL_MESSAGE", None, _ALERT,
     "an alert came that Schannel has no code for, or a message that has no place there", False),
    (0x80090327, "SEC_E_CERT_UNKNOWN", None,
     ("own:certificate-refused", *PEER_REFUSED, "no-client-certificate"),
     "a certificate could not be processed: the speaker's own, of which an alert came, or the "
     "other end's", False),
    (0x80090328, "SEC_E_CERT_EXPIRED", None,
     ("peer:certificate-expired", "own:certificate-expired", "own:clock"),
     "a certificate has expired: the other end's, or the speaker's own, of which an alert came",
     False),
    (0x80090330, "SEC_E_DECRYPT_FAILURE", None, ("records-altered", "peer:key-not-proved"),
     "data could not be decrypted", False),
    (0x80090331, "SEC_E_ALGORITHM_MISMATCH", None,
     ("no-common-cipher-suite", "no-common-version", "no-common-signature-algorithm"),
     "client and server have no algorithm in common", False),
    (0x80090349, "SEC_E_CERT_WRONG_USAGE", 26, (), "", True),
    (0x80090304, "SEC_E_INTERNAL_ERROR", None, ("internal-error", "file-not-loadable"),
     "Schannel met an error of its own, often with the key of its certificate", False),
    (0x8009030F, "SEC_E_MESSAGE_ALTERED", None, ("records-altered",), "a record was altered", True),
    (0x80090302, "SEC_E_UNSUPPORTED_FUNCTION", None,
     ("no-common-version", "no-common-cipher-suite"), "a setting that is not possible", False),
    (0x800B0109, "CERT_E_UNTRUSTEDROOT", 20, (), "", True),
    (0x800B010A, "CERT_E_CHAINING", 20, (), "", True),
    (0x800B0101, "CERT_E_EXPIRED", 10, (), "", True),
    (0x800B010F, "CERT_E_CN_NO_MATCH", 62, (), "", True),
    (0x800B0110, "CERT_E_WRONG_USAGE", 26, (), "", True),
    (0x80092010, "CRYPT_E_REVOKED", 23, (), "", True),
    (0x80092012, "CRYPT_E_NO_REVOCATION_CHECK", None, ("peer:crl-unusable",),
     "whether the other end's certificate is revoked could not be checked", True),
    (0x80092013, "CRYPT_E_REVOCATION_OFFLINE", None, ("peer:crl-unusable",),
     "the list of revoked certificates could not be fetched", True),
    (0x80096004, "TRUST_E_CERT_SIGNATURE", 7, (), "", True),
)  # fmt: skip
_EVENTS: tuple[tuple[int, str, str, tuple[str, ...], str], ...] = (
    # id, phrase, role, causes, what it says
    (36870, "a fatal error occurred when attempting to access the tls", "",
     ("file-not-loadable", "key-not-opened"), "the speaker's own key cannot be used"),
    (36871, "a fatal error occurred while creating a tls", "",
     ("no-common-version", "setting-not-taken"), "the speaker's own settings are not possible"),
    (36872, "no suitable default server credential exists on this system", "server",
     ("file-not-loadable",), "the server has no certificate"),
    (36874, "none of the cipher suites supported by the client application are supported by",
     "server", ("no-common-cipher-suite", "no-common-version"), "no common cipher suite"),
    (36875, "the remote server has requested tls client authentication, but no suitable", "client",
     _NO_CLIENT, "the server asks for a client certificate, and none fits"),
    (36876, "the certificate received from the remote server has not validated correctly",
     "client", PEER_REFUSED, "the server's certificate was refused"),
    (36877, "the certificate received from the remote client application has not validated",
     "server", PEER_REFUSED, "the client's certificate was refused"),
    (36879, "the certificate received from the remote client application was not successfully "
     "mapped", "server", ("access-denied",), "the client's certificate belongs to no account"),
    (36881, "has expired or is not yet valid", "",
     ("peer:certificate-expired", "peer:certificate-not-yet-valid", "own:clock"),
     "the other end's certificate is out of its dates"),
    (36882, "was issued by an untrusted certificate authority", "",
     ("peer:ca-not-trusted", "peer:intermediate-missing"), "the other end's CA is not trusted"),
    (36883, "the certificate received from the remote server has been revoked", "",
     ("peer:certificate-revoked",), "the other end's certificate is revoked"),
    (36884, "the certificate received from the remote server does not contain the expected name",
     "client", ("server-name-mismatch",), "the host name is not in the server's certificate"),
    (36885, "when asking for client authentication, this server sends a list of trusted "
     "certificate authorities", "server", ("certificate-request-failed",),
     "the server's list of CAs is too long and is cut: clients may find no certificate"),
    (36886, "no suitable default server credential exists", "server", ("file-not-loadable",),
     "the server has no certificate"),
)  # fmt: skip
_DOTNET: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("remotecertificatenamemismatch", "client", ("server-name-mismatch",),
     "the host name is not in the server's certificate"),
    ("remotecertificatenotavailable", "",
     ("no-certificate-sent", "no-client-certificate"), "the other end sent no certificate"),
    ("remotecertificatechainerrors", "", PEER_REFUSED, "the other end's chain was refused"),
    ("partialchain", "", ("peer:intermediate-missing", "peer:ca-not-trusted"),
     "the other end's chain leads to no root that is known"),
    ("untrustedroot", "", ("peer:ca-not-trusted", "peer:certificate-self-signed"),
     "the other end's chain ends in a root that is not trusted"),
    ("notvalidforusage", "", ("peer:wrong-extended-key-usage",),
     "the other end's certificate is not for this purpose"),
    ("nottimevalid", "",
     ("peer:certificate-expired", "peer:certificate-not-yet-valid", "own:clock"),
     "a certificate of the other end is out of its dates"),
    ("revocationstatusunknown", "", ("peer:crl-unusable",),
     "whether the other end's certificate is revoked could not be checked"),
    ("offlinerevocation", "", ("peer:crl-unusable",),
     "the list of revoked certificates could not be fetched"),
    ("cannot determine the frame size or a corrupted frame was received", "", ("no-tls",),
     "what came is no TLS"),
    ("the server mode ssl must use a certificate with the associated private key", "server",
     ("file-not-loadable",), "the server's certificate has no key"),
    ("the handshake failed due to an unexpected packet format", "", ("no-tls",),
     "what came is no TLS"),
)  # fmt: skip
_GENERAL: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("the remote certificate is invalid according to the validation procedure", "", PEER_REFUSED,
     "the other end's certificate was refused"),
    ("the remote certificate was rejected by the provided remotecertificatevalidationcallback", "",
     PEER_REFUSED, "the program's own check refused the other end's certificate"),
    ("could not establish trust relationship for the ssl/tls secure channel", "client",
     PEER_REFUSED, "the server's certificate was refused"),
    ("could not create ssl/tls secure channel", "client", _ALERT, "the handshake failed"),
    ("a call to sspi failed, see inner exception", "", _ALERT, "the handshake failed"),
    ("authentication failed, see inner exception", "", _ALERT, "the handshake failed"),
    ("the ssl connection could not be established, see inner exception", "client", _ALERT,
     "the handshake failed"),
    ("authentication failed because the remote party has closed the transport stream", "",
     ENDED, "the other end closed TCP in mid-handshake; that names no cause"),
    ("authentication failed because the remote party sent a tls alert", "", _ALERT,
     "an alert came; its name is behind it"),
    ("received an unexpected eof or 0 bytes from the transport stream", "", ENDED,
     "the other end closed TCP in mid-handshake; that names no cause"),
    ("the underlying connection was closed", "client", ENDED, "the connection failed"),
)  # fmt: skip
# What Windows prints for a code, without it.
_WORDS = (
    (0x80090308, "the token supplied to the function is invalid"),
    (0x80090322, "the target principal name is incorrect"),
    (0x80090325, "the certificate chain was issued by an authority that is not trusted"),
    (0x80090326, "the message received was unexpected or badly formatted"),
    (0x80090327, "an unknown error occurred while processing the certificate"),
    (0x80090328, "the received certificate has expired"),
    (0x80090330, "the specified data could not be decrypted"),
    (0x800B0109, "terminated in a root certificate which is not trusted by the trust provider"),
    (0x80092012, "the revocation function was unable to check revocation for the certificate"),
    (0x80092013, "because the revocation server was offline"),
    (0x80090331, "because they do not possess a common algorithm"),
)
# What curl prints of a chain that Windows refuses, and what it says.
_CHAIN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("cert_trust_is_untrusted_root", ("server-ca-not-trusted", "server-certificate-self-signed",
     "intercepting-proxy"), "the server's chain ends in a root that is not trusted"),
    ("cert_trust_is_partial_chain", ("server-intermediate-missing", "server-ca-not-trusted"),
     "the server's chain leads to no root that is known"),
    ("cert_trust_is_not_time_valid", ("server-certificate-expired",
     "server-certificate-not-yet-valid", "client-clock"),
     "a certificate of the server is out of its dates"),
    ("cert_trust_revocation_status_unknown", ("server-crl-unusable",),
     "whether the server's certificate is revoked could not be checked"),
)  # fmt: skip
# Sub-status of IIS's answer 403: causes, what it says.
_IIS: tuple[tuple[int, tuple[str, ...], str], ...] = (
    (7, ("http-wants-certificate",), "IIS requires a client certificate, and got none"),
    (13, ("client-certificate-revoked", "client-crl-unusable"),
     "IIS holds the client's certificate for revoked, or could not check it"),
    (16, ("client-ca-not-trusted", "client-intermediate-missing"),
     "IIS does not trust the client's certificate, or cannot read it"),
    (17, ("client-certificate-expired", "client-certificate-not-yet-valid"),
     "the client's certificate is out of its dates"),
)  # fmt: skip
_URL_ERRORS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (
        -1012,
        "the program's own check ended the connection, or it gave no certificate",
        (*PEER_REFUSED, *_NO_CLIENT),
    ),
    (-1200, "the secure connection failed", (*_ALERT, *PEER_REFUSED)),
    (
        -1201,
        "the server's certificate is out of its dates",
        ("server-certificate-expired", "server-certificate-not-yet-valid", "client-clock"),
    ),
    (-1202, "the server's certificate is not trusted", PEER_REFUSED),
    (
        -1203,
        "the server's chain leads to no root that is trusted",
        (
            "server-ca-not-trusted",
            "server-intermediate-missing",
            "server-certificate-self-signed",
            "intercepting-proxy",
        ),
    ),
    (
        -1204,
        "the server's certificate is not valid yet",
        ("server-certificate-not-yet-valid", "client-clock"),
    ),
    (-1205, "the server refused the client's certificate", ("client-certificate-refused",)),
    (-1206, "the server requires a client certificate", _NO_CLIENT),
)
_APPLE: tuple[tuple[int, str, int | None, tuple[str, ...], str], ...] = (
    (-9800, "errSSLProtocol", None, ("protocol-failure", "no-tls"), "a TLS error"),
    (-9802, "errSSLFatalAlert", None, _ALERT, "a fatal alert came; which one is not said"),
    (-9805, "errSSLClosedGraceful", None, ENDED, "the other end closed"),
    (-9806, "errSSLClosedAbort", None, ENDED, "the other end closed TCP; that names no cause"),
    (-9807, "errSSLXCertChainInvalid", None, PEER_REFUSED, "the server's chain is not valid"),
    (-9808, "errSSLBadCert", None, PEER_REFUSED, "the server's certificate was refused"),
    (-9812, "errSSLUnknownRootCert", 20, (), ""),
    (-9813, "errSSLNoRootCert", 20, (), ""),
    (-9814, "errSSLCertExpired", 10, (), ""),
    (-9815, "errSSLCertNotYetValid", 9, (), ""),
    (-9824, "errSSLPeerHandshakeFail", None, (), ""),
    (-9825, "errSSLPeerBadCert", None, (), ""),
    (-9826, "errSSLPeerUnsupportedCert", None, (), ""),
    (-9827, "errSSLPeerCertRevoked", None, (), ""),
    (-9828, "errSSLPeerCertExpired", None, (), ""),
    (-9829, "errSSLPeerCertUnknown", None, (), ""),
    (-9831, "errSSLPeerUnknownCA", None, (), ""),
    (-9832, "errSSLPeerAccessDenied", None, (), ""),
    (-9836, "errSSLPeerProtocolVersion", None, (), ""),
    (-9838, "errSSLPeerInternalError", None, (), ""),
    (-9843, "errSSLHostNameMismatch", 62, (), ""),
)  # fmt: skip
_APPLE_ALERTS = {
    -9824: 40,
    -9825: 42,
    -9826: 43,
    -9827: 44,
    -9828: 45,
    -9829: 46,
    -9831: 48,
    -9832: 49,
    -9836: 70,
    -9838: 80,
}
_ROLES = {"client": CLIENT, "server": SERVER, "": KnownText("").role}
_ANY = KnownText("").direction


def _schannel() -> Iterator[KnownText]:
    for number, name, code, causes, says, refuses in _CODES:
        row = KnownText(
            "", verify=code, causes=causes, says=says, direction=SENT if refuses else _ANY
        )
        # The dash of a number below zero counts no more than any other.
        yield from each(row, name, f"0x{number:08x}", f"code: {(1 << 32) - number}")
        words = [phrase for code_of, phrase in _WORDS if code_of == number]
        yield from each(row, *words)
        signed = number - (1 << 32)
        yield row._replace(numbers=(("schannel", number), ("schannel", signed)))
    received = KnownText("", direction=RECEIVED, captured="alert")
    yield from each(
        received,
        "the tls protocol defined fatal alert code is #",
        "following fatal alert was received: #",
    )
    sent = KnownText("", direction=SENT, captured="alert")
    yield from each(
        sent,
        "the following fatal alert was generated: #",
        "the tls protocol defined fatal error code is #",
    )
    yield from _in_words()


def _in_words() -> Iterator[KnownText]:
    for phrase, causes, says in _CHAIN:
        yield KnownText(
            phrase, role=CLIENT, direction=SENT, phase=HANDSHAKE, causes=causes, says=says
        )
    for sub_status, causes, says in _IIS:
        row = KnownText("", "iis", role=SERVER, phase=AFTER, causes=causes, says=says)
        yield from each(row, f"http error 403.{sub_status}", f"403.{sub_status} - forbidden")
    for number, phrase, role, causes, says in _EVENTS:
        yield KnownText(
            phrase,
            role=_ROLES[role],
            causes=causes,
            says=says,
            phase=HANDSHAKE,
            in_context=number in (36881, 36882),
            numbers=(("event", number),),
        )
    yield KnownText(
        "",
        says="Schannel's event 36887: a fatal alert came; the event has its number",
        direction=RECEIVED,
        causes=_ALERT,
        numbers=(("event", 36887),),
    )
    yield KnownText(
        "",
        says="Schannel's event 36888: a fatal alert was sent; the event has its number",
        direction=SENT,
        causes=PEER_REFUSED,
        numbers=(("event", 36888),),
    )
    yield KnownText(
        "", says="Schannel's event 36880: a handshake was completed", numbers=(("event", 36880),)
    )


def _dotnet() -> Iterator[KnownText]:
    for phrase, role, causes, says in _DOTNET:
        yield KnownText(
            phrase,
            role=_ROLES[role],
            causes=causes,
            says=says,
            phase=HANDSHAKE,
            general=phrase == "remotecertificatechainerrors",
        )
    for phrase, role, causes, says in _GENERAL:
        yield KnownText(phrase, role=_ROLES[role], causes=causes, says=says, general=True)


def _apple() -> Iterator[KnownText]:
    for form in (
        "kcfstreamerrordomainssl, #",
        "sslhandshake failed (#)",
        "kcfstreamerrorcodekey=#",
        "tls trust evaluation failed(#)",
        "tls trust encountered error 3:#",
        "tcp conn failed * err(#)",
    ):
        yield KnownText(form, captured="secure transport", role=CLIENT)
    for number, says, causes in _URL_ERRORS:
        row = KnownText(
            "",
            "apple",
            says=says,
            causes=causes,
            role=CLIENT,
            direction=SENT if -1205 < number < -1200 else _ANY,
        )
        forms = (
            "nsurlerrordomain code=",
            "nsurlerrordomain error ",
            "nsurlerrordomain ",
            "http load failed, * (error code: ",
        )
        yield from each(row, *(f"{form}{-number}" for form in forms))
    for number, name, code, causes, says in _APPLE:
        alert = _APPLE_ALERTS.get(number)
        yield KnownText(
            name,
            alert=alert,
            direction=RECEIVED if alert else _ANY,
            verify=code,
            causes=causes,
            says=says,
            numbers=(("secure transport", number),),
        )


TEXTS = (
    *from_source("winerror.h; Schannel events, Microsoft documentation", "schannel", _schannel()),
    *from_source("dotnet/runtime, System.Net.Security Strings.resx", "dotnet", _dotnet()),
    *from_source("Apple SecureTransport.h (SecBase.h)", "secure-transport", _apple()),
)
