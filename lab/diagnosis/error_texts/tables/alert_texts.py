"""Alerts by their names, in the forms of programs that say whether one was received or sent.

Source: SSL_alert_desc_string_long of OpenSSL 3.0 and the trace of s_client and curl -v, run on
loopback; OpenVPN, stunnel, Erlang/OTP, Mbed TLS and Wireshark from their sources and public logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import RECEIVED, SENT, KnownText, each, from_source
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED
from lab.tls.code_point import code_table
from lab.tls.code_points import AlertDescription

_UNKNOWN = KnownText("").direction
_FORMS = (
    # s_client -state and -msg, curl -v, OpenVPN, stunnel
    ("ssl3 alert read:fatal:@", "openssl", RECEIVED, ""),
    ("ssl3 alert write:fatal:@", "openssl", SENT, ""),
    ("alert [length 0002], fatal @", "s_client", RECEIVED, "<<<"),
    ("alert [length 0002], fatal @", "s_client", SENT, ">>>"),
    ("(in), tls alert, @", "curl", RECEIVED, ""),
    ("(out), tls alert, @", "curl", SENT, ""),
    ("received fatal ssl alert: @", "openvpn", RECEIVED, ""),
    ("sent fatal ssl alert: @", "openvpn", SENT, ""),
    ("ssl alert (read): fatal: @", "stunnel", RECEIVED, ""),
    ("ssl alert (write): fatal: @", "stunnel", SENT, ""),
    # Erlang names the end that sent it, and whether it came or was made
    ("received server alert: fatal - @", "erlang", RECEIVED, ""),
    ("received client alert: fatal - @", "erlang", RECEIVED, ""),
    ("generated server alert: fatal - @", "erlang", SENT, ""),
    ("generated client alert: fatal - @", "erlang", SENT, ""),
    ("server alert: fatal - @", "erlang", _UNKNOWN, ""),
    ("client alert: fatal - @", "erlang", _UNKNOWN, ""),
    ("{tls_alert,{@,", "erlang", _UNKNOWN, ""),
    ("{tls_alert,@", "erlang", _UNKNOWN, ""),
    ("fatal error: @", "erlang", _UNKNOWN, ".erl:"),
    # BoringSSL, as Apple's systems log it
    ("read alert, level: fatal, description: @", "boringssl", RECEIVED, ""),
    ("write alert, level: fatal, description: @", "boringssl", SENT, ""),
    ("handshake alert: @", "java", RECEIVED, ""),
    ("level: fatal, description: @", "wireshark", _UNKNOWN, ""),
    # Java, which rustls and others share; behind what was sent stands the speaker's own reason
    ("received fatal alert: @", "", RECEIVED, ""),
    ("(@) received fatal alert: @", "java", RECEIVED, ""),
    ("tlsfatalalertreceived: @", "java", RECEIVED, ""),
    ("received warning alert: @", "java", RECEIVED, ""),
    ("sslhandshakeexception: (@)", "java", SENT, ""),
    ("fatal (@):", "java", SENT, ""),
    ("tlsfatalalert: @", "java", SENT, ""),
    ("alertreceived(@)", "rustls", RECEIVED, ""),
    ("alert received: alertmessagepayload { level: fatal, description: @", "rustls", RECEIVED, ""),
    ("sending fatal alert @", "rustls", SENT, ""),
    ("is a fatal alert message (msg #)", "mbedtls", RECEIVED, ""),
    ("sent a tls alert: @", "dotnet", RECEIVED, ""),
    ("received alert: @", "", RECEIVED, ""),
    ("sent alert: @", "", SENT, ""),
    ("fatal alert: @", "", _UNKNOWN, ""),
    ("fatal alert @", "", _UNKNOWN, ""),
    ("tls alert: @", "", _UNKNOWN, ""),
    ("tls alert @", "", _UNKNOWN, ""),
    ("ssl alert @", "", _UNKNOWN, ""),
    ("alert @ (#)", "", _UNKNOWN, ""),
    ("alert: @ (#)", "", _UNKNOWN, ""),
    ("alert(@)", "", _UNKNOWN, ""),
)
# Names that differ from the registry's.
_OTHER_NAMES = {
    "unsupported cert": 43,
    "unsupported ext": 110,
    "user cancelled": 90,
    "unknown psk identity": 115,
    "no certificate reserved": 41,
    "unknown certificate": 46,
    "certificate unknown": 46,
    "protocol version": 70,
    "decrypt error": 51,
}


def names_of_alerts() -> Iterator[tuple[str, int]]:
    """Yield the names of the alerts that end a connection, in words, and their numbers."""
    for alert in code_table(AlertDescription).values():
        if alert:  # close_notify ends a connection in good order, and is in every trace
            yield alert.name.lower().replace("_", " "), int(alert)
    yield from _OTHER_NAMES.items()


def _rows() -> Iterator[KnownText]:
    for phrase, speaker, direction, needs in _FORMS:
        yield KnownText(
            phrase,
            speaker,
            direction=direction,
            needs=needs,
            captured="alert",
            general=direction is _UNKNOWN or (speaker in ("java", "rustls") and direction is SENT),
        )


_BAD_CERT = (
    ("hostname_check_failed", 62),
    ("unknown_ca", 20),
    ("selfsigned_peer", 18),
    ("cert_expired", 10),
    ("invalid_signature", 7),
    ("name_not_permitted", 47),
    ("max_path_length_reached", 25),
)
_RECEIVED = KnownText(
    "",
    direction=RECEIVED,
    says="the other end sent a fatal alert; which one is not said here",
    causes=(
        "no-client-certificate",
        "own:certificate-refused",
        "no-common-version",
        "no-common-cipher-suite",
    ),
    general=True,
)

TEXTS = from_source(
    "OpenSSL 3.0, curl 7.88, s_client, run on loopback; public logs of the others",
    "",
    (
        *_rows(),
        *each(
            _RECEIVED._replace(speaker="mbedtls"),
            "a fatal alert message was received from our peer",
            "mbedtls_err_ssl_fatal_alert_message",
        ),
        *each(_RECEIVED._replace(speaker="mbedtls"), "returned 0x7780", "returned -30592"),
        *each(
            KnownText(
                "",
                "mbedtls",
                says="the other end's certificate was refused",
                direction=SENT,
                causes=PEER_REFUSED,
            ),
            "x509 - certificate verification failed",
            "returned 0x2700",
            "mbedtls_err_x509_cert_verify_failed",
        ),
        *each(
            KnownText(
                "",
                "mbedtls",
                says="the client sent no certificate, and one is required",
                direction=SENT,
                causes=("no-client-certificate", "no-fitting-client-certificate"),
            ),
            "returned 0x7480",
            "mbedtls_err_ssl_no_client_certificate",
        ),
        *each(
            KnownText(
                "",
                "mbedtls",
                says="the other end closed TCP without close_notify; that names no cause",
                causes=ENDED,
            ),
            "returned 0x7280",
            "mbedtls_err_ssl_conn_eof",
        ),
        KnownText(
            "{options,{cacertfile,",
            "erlang",
            says="the CA file cannot be loaded",
            causes=("ca-file-unusable",),
        ),
        *each(
            KnownText(
                "",
                "erlang",
                says="the certificate or key file cannot be loaded",
                causes=("file-not-loadable",),
            ),
            "{options,{certfile,",
            "{options,{keyfile,",
        ),
        # s_client
        *each(
            KnownText(
                "",
                "s_client",
                says="TCP ended; that names no cause",
                causes=ENDED,
                general=True,
            ),
            "write:errno=#",
            "read:errno=#",
        ),
        # wolfSSL's src/internal.c and wolfcrypt/src/error.c
        _RECEIVED._replace(speaker="wolfssl", phrase="revcd alert fatal error"),
        *(
            KnownText(words, "wolfssl", direction=SENT, verify=code)
            for words, code in (
                ("asn no signer error to confirm failure", 20),
                ("peer subject name mismatch", 62),
                ("asn date error, current date after", 10),
                ("asn date error, current date before", 9),
            )
        ),
        KnownText(
            "peer didn't send cert",
            "wolfssl",
            says="the other end sent no certificate, and one is required",
            direction=SENT,
            causes=("no-client-certificate", "no-certificate-sent"),
        ),
        # Erlang's own reason behind the alert
        *(
            KnownText(form.format(name), "erlang", verify=code, direction=SENT)
            for name, code in _BAD_CERT
            for form in ("{{bad_cert,{}", "{{:bad_cert, :{}")
        ),
    ),
)
