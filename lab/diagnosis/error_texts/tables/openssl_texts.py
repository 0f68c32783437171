"""OpenSSL's reasons: errors of libssl and its neighbours, in each form that programs print them in.

Source: ERR_reason_error_string of OpenSSL 3.0.22, run on loopback; forms of 1.0 and 1.1, LibreSSL
and 3.2 from public logs; BoringSSL's names and codes from its err_data and from Envoy's logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    SERVER,
    KnownText,
    from_source,
)
from lab.diagnosis.error_texts.results import AlertDirection, ErrorPhase, SpeakerRole

_ROLES = {"client": CLIENT, "server": SERVER}

# What a failed verification can be, where the text does not say.
PEER_REFUSED = (
    "peer:ca-not-trusted",
    "peer:intermediate-missing",
    "peer:certificate-self-signed",
    "peer:certificate-expired",
    "peer:name-mismatch",
    "peer:wrong-extended-key-usage",
    "peer:crl-unusable",
)
ENDED = ("peer:left", "refused-without-alert", "silence")


class _Reason(NamedTuple):
    """A reason of libssl: its number, words, the alert that OpenSSL sends for it, and causes.

    ``flags``: ``client`` or ``server`` is the only end that reports it. ``named``: only with
    "SSL routines" or the like before it, as its words alone mean much else. ``general``: as in
    KnownText. ``quiet``: it is no refusal of the speaker's. ``anytime``: not only in the handshake;
    ``after``: only after it.
    """

    number: int
    words: str
    alert: int | None
    causes: tuple[str, ...]
    flags: str = ""


_REASONS = (
    _Reason(134, "certificate verify failed", None, PEER_REFUSED, "general"),
    _Reason(
        199,
        "peer did not return a certificate",
        None,
        ("no-client-certificate", "no-fitting-client-certificate"),
        "server",
    ),
    _Reason(
        193,
        "no shared cipher",
        40,
        ("no-common-cipher-suite", "no-common-signature-algorithm", "file-not-loadable"),
        "server",
    ),
    _Reason(258, "unsupported protocol", 70, ("no-common-version",)),
    _Reason(396, "version too low", 70, ("no-common-version",)),
    _Reason(166, "version too high", 70, ("no-common-version",)),
    _Reason(191, "no protocols available", None, ("no-common-version",), "quiet"),
    _Reason(267, "wrong version number", None, ("no-tls", "no-common-version"), "quiet"),
    _Reason(266, "wrong ssl version", None, ("no-common-version", "no-tls"), "quiet"),
    _Reason(252, "unknown protocol", None, ("no-tls", "no-common-version"), "quiet"),
    _Reason(156, "http request", None, ("no-tls",), "server named quiet"),
    _Reason(155, "https proxy request", None, ("no-tls",), "server quiet"),
    _Reason(294, "unexpected eof while reading", None, ENDED, "quiet anytime"),
    _Reason(281, "decryption failed or bad record mac", 20, ("records-altered",), "anytime"),
    _Reason(149, "digest check failed", 51, ("records-altered", "protocol-failure")),
    _Reason(123, "bad signature", 51, ("peer:key-not-proved",), "named"),
    _Reason(338, "unsafe legacy renegotiation disabled", 40, ("legacy-renegotiation",), "client"),
    _Reason(339, "no renegotiation", None, ("renegotiation-refused",), "named quiet anytime"),
    _Reason(373, "inappropriate fallback", 86, ("no-common-version",), "server named"),
    _Reason(235, "no application protocol", 120, ("no-common-application-protocol",), "server"),
    _Reason(394, "dh key too small", 40, ("dh-parameters-too-weak",), "client"),
    _Reason(397, "ca key too small", None, ("own:key-or-digest-too-weak",), "quiet anytime"),
    _Reason(399, "ee key too small", None, ("own:key-or-digest-too-weak",), "quiet anytime"),
    _Reason(398, "ca md too weak", None, ("own:key-or-digest-too-weak",), "quiet anytime"),
    _Reason(376, "no shared signature algorithms", 40, ("no-common-signature-algorithm",)),
    _Reason(118, "no suitable signature algorithm", 40, ("no-common-signature-algorithm",)),
    _Reason(101, "no suitable key share", 40, ("no-common-group",)),
    _Reason(295, "no suitable groups", 40, ("no-common-group",)),
    _Reason(410, "no shared groups", 40, ("no-common-group",)),
    _Reason(315, "unsupported elliptic curve", 47, ("no-common-group", "peer:key-type-not-taken")),
    _Reason(383, "wrong certificate type", 43, ("peer:key-type-not-taken",), "named"),
    _Reason(378, "wrong curve", 47, ("peer:key-type-not-taken",), "named"),
    _Reason(318, "ecc cert not for signing", None, ("peer:wrong-key-usage",), "quiet"),
    _Reason(152, "excessive message size", 47, ("peer:message-too-large",)),
    _Reason(277, "session id context uninitialized", 80, ("session-context-missing",), "server"),
    _Reason(
        279, "extension not received", None, ("no-post-handshake-authentication",), "server quiet"
    ),
    _Reason(100, "app data in handshake", 10, ("protocol-failure",)),
    _Reason(244, "unexpected message", 10, ("protocol-failure", "no-tls"), "named anytime"),
    _Reason(245, "unexpected record", 10, ("protocol-failure", "no-tls"), "named anytime"),
    _Reason(291, "application data after close notify", None, ("used-after-close",), "quiet after"),
    _Reason(198, "packet length too long", 22, ("no-tls", "records-altered"), "anytime"),
    _Reason(150, "encrypted length too long", 22, ("no-tls", "records-altered"), "anytime"),
    _Reason(443, "bad record type", 10, ("no-tls", "records-altered"), "anytime"),
    _Reason(159, "length mismatch", 50, ("protocol-failure",), "named"),
    _Reason(110, "bad extension", 50, ("protocol-failure",), "named"),
    _Reason(68, "internal error", 80, ("internal-error",), "named anytime"),
    _Reason(226, "clienthello tlsext", None, ("unknown-server-name", "protocol-failure"), "server"),
    _Reason(
        234,
        "callback failed",
        80,
        ("unknown-server-name", "no-common-application-protocol", "internal-error"),
        "named",
    ),
    _Reason(377, "cert cb error", 80, ("internal-error",)),
    _Reason(229, "ssl handshake failure", None, ENDED, "named general quiet"),
    _Reason(207, "protocol is shutdown", None, ("used-after-close",), "quiet anytime"),
    _Reason(185, "no cipher match", None, ("setting-not-taken",), "quiet anytime"),
    _Reason(
        181, "no ciphers available", None, ("no-common-cipher-suite", "setting-not-taken"), "quiet"
    ),
    _Reason(177, "no certificate assigned", None, ("file-not-loadable",), "quiet anytime"),
    _Reason(190, "no private key assigned", None, ("file-not-loadable",), "quiet anytime"),
    _Reason(288, "private key mismatch", None, ("key-does-not-fit",), "quiet anytime"),
    _Reason(253, "binder does not verify", 51, ("protocol-failure", "unknown-psk"), "server"),
    _Reason(333, "legacy sigalg disallowed or unsupported", 40, ("no-common-signature-algorithm",)),
)
# What they say, beyond their words.
_SAYS = {
    68: "OpenSSL met an error of its own",
    134: "the speaker refused the other end's certificate",
    199: "the server requires a client certificate, and the client sent an empty Certificate",
    193: "the server found no cipher suite of the client that it can use",
    258: "a TLS version that the speaker does not take",
    396: "the other end's TLS version is below the speaker's minimum",
    166: "the other end's TLS version is above the speaker's maximum",
    191: "the speaker's own settings leave no TLS version",
    267: "what came is no TLS record of a version that is known, as where plain HTTP answers",
    266: "a TLS version that was not negotiated",
    252: "what came is not TLS, or of an unknown version",
    156: "the client sent a plain HTTP request to a TLS port",
    155: "the client sent a proxy request (CONNECT) to a TLS port",
    294: "the other end closed TCP without close_notify; that names no cause",
    281: "a record of the other end could not be decrypted",
    149: "the other end's Finished does not verify",
    123: "the other end's signature in the handshake does not verify",
    338: "the other end lacks secure renegotiation, and OpenSSL 3 refuses that",
    339: "the other end refused to renegotiate",
    373: "the client retried with an older version than both ends have",
    235: "no application protocol (ALPN) of the client is taken",
    394: "the server's Diffie-Hellman key is too small",
    397: "a CA certificate in the speaker's own file has too small a key",
    399: "the speaker's own certificate has too small a key for its OpenSSL",
    398: "the speaker's own certificate is signed with too weak a digest for its OpenSSL",
    376: "no signature algorithm is common to both ends",
    118: "the speaker's key cannot sign in a way that the other end takes",
    101: "no key exchange group is common to both ends",
    295: "no key exchange group is common to both ends",
    410: "no key exchange group is common to both ends",
    315: "a curve that the speaker does not take",
    383: "the other end's certificate has a kind of key that the suite does not allow",
    378: "the other end's key is on a curve that the speaker does not take",
    318: "an EC certificate without digitalSignature",
    152: "a message of the other end, mostly its Certificate, is larger than OpenSSL takes",
    277: "the server cannot resume the session that the client offers",
    279: "the client did not offer post-handshake authentication",
    100: "application data came in mid-handshake",
    244: "a message that has no place there",
    245: "a record that has no place there",
    291: "data came after the close",
    198: "a record is longer than TLS allows, as where something other than TLS is read",
    150: "a record is longer than TLS allows, as where something other than TLS is read",
    443: "what came is no TLS record",
    159: "a message of the other end has a wrong length",
    110: "an extension of the other end is malformed",
    226: "an extension of ClientHello was refused, as where the server does not know the SNI",
    234: "the program's own callback refused",
    377: "the program's own callback for the certificate failed",
    229: "the handshake failed, and the text names no cause",
    207: "the connection had been shut down before",
    185: "the list of cipher suites names none that OpenSSL has",
    181: "the speaker's own settings leave no cipher suite",
    177: "the speaker has a key and no certificate",
    190: "the speaker has a certificate and no key",
    288: "the key does not belong to the certificate",
    253: "the pre-shared key of the client does not verify",
    333: "only signature algorithms that OpenSSL does not take any more",
}

# Reasons that speak of messages that break the rules of TLS, or that were altered.
_BROKEN_RULES = {
    103: "bad change cipher spec",
    104: "inconsistent extms",
    105: "bad hello request",
    108: "bad key share",
    111: "bad digest length",
    112: "missing sigalgs extension",
    114: "bad psk identity",
    115: "bad packet length",
    116: "bad protocol version number",
    122: "bad key update",
    133: "ccs received early",
    145: "data between ccs and finished",
    146: "data length too long",
    153: "extra data in message",
    154: "got a fin before a ccs",
    160: "length too short",
    182: "not on record boundary",
    205: "invalid alert",
    209: "missing supported groups extension",
    213: "record length mismatch",
    214: "no change following hrr",
    217: "unsolicited extension",
    240: "bad packet",
    246: "unknown alert type",
    248: "unknown cipher returned",
    256: "missing fatal",
    260: "invalid ccs message",
    261: "wrong cipher returned",
    262: "unexpected ccs message",
    264: "wrong signature length",
    271: "bad length",
    292: "bad legacy version",
    293: "mixed handshake and non handshake data",
    298: "record too small",
    306: "bad ecpoint",
    370: "wrong signature type",
    401: "fragmented client hello",
    409: "too many warn alerts",
    999: "invalid session id",
}

# OpenSSL's words for an alert that came: reason 1000 + number (SSL_AD_REASON_OFFSET).
ALERT_WORDS = {
    10: "sslv3 alert unexpected message",
    20: "sslv3 alert bad record mac",
    21: "tlsv1 alert decryption failed",
    22: "tlsv1 alert record overflow",
    30: "sslv3 alert decompression failure",
    40: "sslv3 alert handshake failure",
    41: "sslv3 alert no certificate",
    42: "sslv3 alert bad certificate",
    43: "sslv3 alert unsupported certificate",
    44: "sslv3 alert certificate revoked",
    45: "sslv3 alert certificate expired",
    46: "sslv3 alert certificate unknown",
    47: "sslv3 alert illegal parameter",
    48: "tlsv1 alert unknown ca",
    49: "tlsv1 alert access denied",
    50: "tlsv1 alert decode error",
    51: "tlsv1 alert decrypt error",
    60: "tlsv1 alert export restriction",
    70: "tlsv1 alert protocol version",
    71: "tlsv1 alert insufficient security",
    80: "tlsv1 alert internal error",
    86: "tlsv1 alert inappropriate fallback",
    90: "tlsv1 alert user cancelled",
    100: "tlsv1 alert no renegotiation",
    109: "tlsv13 alert missing extension",
    110: "tlsv1 unsupported extension",
    111: "tlsv1 certificate unobtainable",
    112: "tlsv1 unrecognized name",
    113: "tlsv1 bad certificate status response",
    114: "tlsv1 bad certificate hash value",
    115: "tlsv1 alert unknown psk identity",
    116: "tlsv13 alert certificate required",
    120: "tlsv1 alert no application protocol",
}

# The forms in which a reason is printed, and who prints it so.
_FORMS = (
    ("ssl routines::^", "openssl-3"),
    ("ssl routines:*:^", "openssl"),
    ("[ssl: ^", "python"),
    ("openssl_internal:^", "boringssl"),
)


def words_of_reasons() -> Iterator[tuple[str, int]]:
    """Yield the words of each reason, and its number; an alert's is 1000 above the alert's own."""
    for reason in _REASONS:
        yield reason.words, reason.number
    for number, words in _BROKEN_RULES.items():
        yield words, number
    for number, words in ALERT_WORDS.items():
        yield words, 1000 + number
        yield words.replace("sslv3 alert", "ssl/tls alert"), 1000 + number
        yield words.replace("sslv3 alert", "tlsv1 alert"), 1000 + number


def _names(words: str, plain: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield the phrases of a reason alone, who prints them, whether only in context."""
    name = words.replace(" ", "_").replace("/", "_")
    yield f"err_ssl_{name}", "node", False
    if name.count("_") > 1 or plain:
        yield name, "openssl", "_" not in name
    if plain:
        yield words, "openssl", True


def _phase(flags: str) -> ErrorPhase:
    if "anytime" in flags:
        return ErrorPhase.UNKNOWN
    return AFTER if "after" in flags else HANDSHAKE


def _of_reasons() -> Iterator[KnownText]:
    for reason in _REASONS:
        row = KnownText(
            phrase="",
            says=_SAYS[reason.number],
            alert=reason.alert,
            direction=AlertDirection.UNKNOWN if "quiet" in reason.flags else SENT,
            phase=_phase(reason.flags),
            role=_ROLES.get(reason.flags.partition(" ")[0], SpeakerRole.UNKNOWN),
            causes=reason.causes,
            general="general" in reason.flags,
        )
        for phrase, speaker, in_context in _names(reason.words, "named" not in reason.flags):
            yield row._replace(phrase=phrase, speaker=speaker, in_context=in_context)
        yield row._replace(numbers=(("openssl reason", reason.number),), speaker="openssl")


def _of_broken_rules() -> Iterator[KnownText]:
    for number, words in _BROKEN_RULES.items():
        yield KnownText(
            "",
            says=f"what the other end sent breaks a rule of TLS, or was altered: {words}",
            direction=SENT,
            causes=("protocol-failure", "records-altered"),
            numbers=(("openssl reason", number),),
        )


def _of_alerts() -> Iterator[KnownText]:
    for number, words in ALERT_WORDS.items():
        row = KnownText(phrase="", alert=number, direction=RECEIVED)
        for phrase, speaker, _ in _names(words, True):
            yield row._replace(phrase=phrase, speaker=speaker)
        newer = words.replace("sslv3 alert", "ssl/tls alert")
        if newer != words:
            yield row._replace(phrase=newer, speaker="openssl-3.2")
        yield row._replace(numbers=(("openssl reason", 1000 + number),), speaker="openssl")
    yield KnownText("ssl alert number #", "openssl", direction=RECEIVED, captured="alert")


TEXTS = from_source(
    "OpenSSL 3.0.22, ERR_reason_error_string; logs of 1.0, 1.1, 3.2 and BoringSSL",
    "openssl",
    (
        *_of_reasons(),
        *_of_broken_rules(),
        *_of_alerts(),
        *(KnownText(form, speaker, captured="openssl reason") for form, speaker in _FORMS),
        KnownText("error:$:", "openssl", captured="openssl code"),
        KnownText("tls_error:|#:", "envoy", captured="openssl code"),
        KnownText("tls error:|#:", "envoy", captured="openssl code"),
        KnownText("tls error: #:", "envoy", captured="openssl code"),
        KnownText("openssl error code: #", "openssl", captured="openssl code"),
    ),
)
