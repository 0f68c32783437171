"""Texts and error numbers of GnuTLS.

Source: gnutls_strerror, gnutls_strerror_name and gnutls_alert_get_name of GnuTLS 3.7, run;
gnutls-cli on loopback.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    HANDSHAKE,
    RECEIVED,
    SENT,
    SERVER,
    KnownText,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_ALERTS = {
    10: "Unexpected message",
    20: "Bad record MAC",
    22: "Record overflow",
    40: "Handshake failed",
    42: "Certificate is bad",
    43: "Certificate is not supported",
    44: "Certificate was revoked",
    45: "Certificate is expired",
    46: "Unknown certificate",
    47: "Illegal parameter",
    48: "CA is unknown",
    49: "Access was denied",
    50: "Decode error",
    51: "Decrypt error",
    70: "Error in protocol version",
    71: "Insufficient security",
    80: "Internal error",
    86: "Inappropriate fallback",
    90: "User canceled",
    100: "No renegotiation is allowed",
    109: "An extension was expected but was not seen",
    110: "An unsupported extension was sent",
    112: "The server name sent was not recognized",
    116: "Certificate is required",
    120: "No supported application protocol could be negotiated",
}
# Number, name without GNUTLS_E_, words, causes, what it says, whether the speaker refuses by it.
_ERRORS: tuple[tuple[int, str, str, tuple[str, ...], str, bool], ...] = (
    (
        -8,
        "UNSUPPORTED_VERSION_PACKET",
        "A packet with illegal or unsupported version was received.",
        ("no-common-version", "no-tls"),
        "what came is of a TLS version that is not taken, or is no TLS",
        True,
    ),
    (
        -9,
        "UNEXPECTED_PACKET_LENGTH",
        "Error decoding the received TLS packet.",
        ("no-tls", "protocol-failure"),
        "what came cannot be read as TLS",
        True,
    ),
    (-10, "INVALID_SESSION", "The specified session has been invalidated for some reason.",
     ("used-after-close",), "the session was over before", False),
    (-15, "UNEXPECTED_PACKET", "An unexpected TLS packet was received.",
     ("no-tls", "protocol-failure"), "a record came that has no place there, or is no TLS", True),
    (-18, "ERROR_IN_FINISHED_PACKET",
     "An error was encountered at the TLS Finished packet calculation.",
     ("records-altered", "protocol-failure"), "the other end's Finished does not verify", True),
    (-19, "UNEXPECTED_HANDSHAKE_PACKET", "An unexpected TLS handshake packet was received.",
     ("protocol-failure", "no-client-certificate"), "a message that has no place there", True),
    (-21, "UNKNOWN_CIPHER_SUITE", "Could not negotiate a supported cipher suite.",
     ("no-common-cipher-suite", "no-common-signature-algorithm"),
     "client and server have no cipher suite in common", True),
    (-24, "DECRYPTION_FAILED", "Decryption has failed.", ("records-altered", "key-not-opened"),
     "a record, or a file, could not be decrypted", True),
    (-34, "BASE64_DECODING_ERROR", "Base64 decoding error.", ("file-not-loadable",),
     "a file is no PEM", False),
    (-37, "REHANDSHAKE", "Rehandshake was requested by the peer.", ("renegotiation-refused",),
     "the other end asks to renegotiate", False),
    (-43, "CERTIFICATE_ERROR", "Error in the certificate.", PEER_REFUSED,
     "the other end's certificate was refused", True),
    (-48, "KEY_USAGE_VIOLATION", "Key usage violation in certificate has been detected.",
     ("peer:wrong-key-usage", "own:wrong-key-usage"),
     "the keyUsage of a certificate does not allow what its key is used for", True),
    (-49, "NO_CERTIFICATE_FOUND", "No certificate was found.",
     ("no-client-certificate", "no-certificate-sent"), "the other end sent no certificate", True),
    (-53, "PUSH_ERROR", "Error in the push function.", ENDED,
     "sending failed: the other end is gone; that names no cause", False),
    (-54, "PULL_ERROR", "Error in the pull function.", ENDED,
     "receiving failed: the other end is gone; that names no cause", False),
    (-60, "CERTIFICATE_KEY_MISMATCH", "The certificate and the given key do not match.",
     ("key-does-not-fit",), "the key does not belong to the certificate", False),
    (-64, "FILE_ERROR", "Error while reading file.", ("file-not-loadable", "ca-file-unusable"),
     "a file cannot be read", False),
    (-87, "NO_CIPHER_SUITES", "No supported cipher suites have been found.",
     ("no-common-cipher-suite", "setting-not-taken"), "no cipher suite is left", True),
    (-89, "PK_SIG_VERIFY_FAILED", "Public key signature verification has failed.",
     ("peer:key-not-proved", "peer:bad-certificate-signature"), "a signature does not verify",
     True),
    (-108, "UNSAFE_RENEGOTIATION_DENIED", "Unsafe renegotiation denied.",
     ("legacy-renegotiation",), "the other end lacks secure renegotiation", True),
    (-110, "PREMATURE_TERMINATION", "The TLS connection was non-properly terminated.", ENDED,
     "the other end closed TCP without close_notify; that names no cause", False),
    (-112, "CERTIFICATE_REQUIRED", "Certificate is required.",
     ("no-client-certificate", "no-fitting-client-certificate"),
     "the server requires a client certificate, and the client sent none", True),
    (-328, "SESSION_EOF", "Peer has terminated the connection", ENDED,
     "the other end closed TCP in mid-handshake; that names no cause", False),
    (-341, "OCSP_RESPONSE_ERROR", "The OCSP response is invalid",
     ("server-ocsp-response-refused",), "the server's OCSP response was refused", True),
    (-348, "CERTIFICATE_VERIFICATION_ERROR", "Error in the certificate verification.",
     PEER_REFUSED, "the other end's certificate was refused", True),
    (-416, "CERTIFICATE_TIME_ERROR", "Error in the time fields of certificate.",
     ("peer:certificate-expired", "peer:certificate-not-yet-valid"),
     "the dates of the other end's certificate cannot be read", True),
    (-423, "NO_COMMON_KEY_SHARE", "No common key share with peer.", ("no-common-group",),
     "no key exchange group is common to both ends", True),
)  # fmt: skip
# What gnutls-cli and others print of a chain that was refused, and OpenSSL's verify code for it.
_STATUS = (
    ("The certificate issuer is unknown.", 20),
    ("The certificate issuer is not a CA.", 79),
    ("The certificate chain is revoked.", 23),
    ("The certificate chain uses insecure algorithm.", 68),
    ("The certificate chain violates the signer's constraints.", 47),
    ("The certificate chain does not match the intended purpose.", 26),
    ("The certificate chain uses not yet valid certificate.", 9),
    ("The certificate chain uses expired certificate.", 10),
    ("The signature in the certificate is invalid.", 7),
    ("The name in the certificate does not match the expected.", 62),
    ("The certificate contains an unknown critical extension.", 34),
)
_RECEIVED = (
    "the other end sent a fatal alert; which one is not said here: gnutls-cli prints it in a line "
    "of its own"
)


def _rows() -> Iterator[KnownText]:
    for number, words in _ALERTS.items():
        for form in (
            "received alert [#]: {}",
            "got alert [#]: {}",
            "alert received: {}",
            "gnutls_handshake() failed: {}",
        ):
            yield KnownText(form.format(words), alert=number, direction=RECEIVED)
    for form in ("received alert [#]", "alert [#]"):
        yield KnownText(form, direction=RECEIVED, captured="alert")
    for words in ("A TLS fatal alert has been received.", "gnutls_e_fatal_alert_received"):
        yield KnownText(
            words,
            direction=RECEIVED,
            says=_RECEIVED,
            causes=(
                "no-client-certificate",
                "own:certificate-refused",
                "no-common-cipher-suite",
                "no-common-version",
                "unknown-server-name",
            ),
            general=True,
            numbers=(("gnutls", -12),) if "_" in words else (),
        )
    for words in ("A TLS warning alert has been received.",):
        yield KnownText(
            words,
            direction=RECEIVED,
            general=True,
            causes=("unknown-server-name",),
            says="the other end sent a warning, which ends nothing by itself",
        )
    for number, name, words, causes, says, refuses in _ERRORS:
        row = KnownText(
            "",
            says=says,
            causes=causes,
            direction=SENT if refuses else KnownText("").direction,
            role=SERVER if number in (-112,) else KnownText("").role,
            general=number in (-43, -348, -24, -64),
        )
        yield row._replace(phrase=f"gnutls_e_{name}")
        yield row._replace(phrase=words, in_context=number in (-24, -34, -64))
        yield row._replace(phrase=f"gnutls recv error ({number})")
        yield row._replace(numbers=(("gnutls", number),))
    yield from _status()


def _status() -> Iterator[KnownText]:
    yield KnownText("gnutls recv error (#)", captured="gnutls")
    for words in ("PKI verification of server certificate failed", "Handshake has failed"):
        yield KnownText(
            words,
            general=True,
            in_context=words == "Handshake has failed",
            phase=HANDSHAKE,
            causes=PEER_REFUSED,
            says="the handshake failed; the reason is in the lines beside it",
        )
    for words, code in _STATUS:
        yield KnownText(words, verify=code, direction=SENT, phase=HANDSHAKE)


TEXTS = from_source("GnuTLS 3.7: gnutls_strerror, run; gnutls-cli on loopback", "gnutls", _rows())
