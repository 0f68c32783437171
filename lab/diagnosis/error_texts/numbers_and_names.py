"""Numbers and names of errors: what each can be, in every count that has it.

This module must not know texts beyond a single number or name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from lab.diagnosis.error_texts.all_texts import ALL_TEXTS
from lab.diagnosis.error_texts.known_text import KnownText
from lab.diagnosis.error_texts.tables.verify_texts import WORDS, verify_code
from lab.tls.code_point import code_table
from lab.tls.code_points import AlertDescription

_NUMBER = re.compile(r"-?\d{1,12}|0x[0-9a-f]{1,8}|[0-9a-f]{8}")
# The words by which a count is named before a number, and the counts.
_COUNTS = {
    "alert": ("alert",),
    "tls": ("alert",),
    "verify": ("verify",),
    "x509": ("verify",),
    "curl": ("curl",),
    "exit": ("curl",),
    "gnutls": ("gnutls",),
    "nss": ("nss",),
    "firefox": ("nss",),
    "chrome": ("chrome",),
    "net": ("chrome",),
    "schannel": ("schannel", "event"),
    "event": ("event",),
    "nginx": ("nginx",),
    "http": ("nginx",),
    "mysql": ("mysql",),
    "openssl": ("openssl code", "openssl reason", "verify"),
    "boringssl": ("openssl code", "openssl reason"),
    "error": (),
    "code": (),
    "number": (),
    "num": (),
    "errno": (),
    "id": (),
    "status": (),
}
_ALL_COUNTS = (
    "alert",
    "verify",
    "curl",
    "gnutls",
    "nss",
    "chrome",
    "secure transport",
    "schannel",
    "event",
    "nginx",
    "mysql",
    "openssl reason",
    "openssl code",
)
_SSL_LIBRARY, _SSL_OF_BORINGSSL = 20, 16
# BoringSSL numbers its reasons anew, but for those of alerts: the ones that logs of Envoy and gRPC
# show, and what they are in OpenSSL.
_REASONS_OF_BORINGSSL = {125: 134, 156: 156, 184: 193, 192: 199, 240: 258, 247: 267}
_LONGEST_QUERY = 60
_REASON_OF_ALERTS = 1000


@cache
def _by_number() -> dict[tuple[str, int], KnownText]:
    return {number: row for row in ALL_TEXTS for number in row.numbers}


def known_number(count: str, digits: str) -> KnownText | None:
    """Return what a number is in one count; None where it is nothing that is known.

    ``digits`` are decimal, or hexadecimal for "openssl code"; for "gnutls" the sign may be lost.
    """
    if count == "openssl code":
        return _openssl_code(digits)
    number = int(digits)
    if count == "alert":
        known = number in code_table(AlertDescription) and number
        return KnownText("", alert=number) if known else None
    if count == "verify":
        return verify_code(number)
    found = _by_number().get((count, number))
    if found is None and count in ("gnutls", "chrome", "secure transport"):
        found = _by_number().get((count, -number))
    return found


def _openssl_code(digits: str) -> KnownText | None:
    """Return the reason in an error code: of OpenSSL 3, of 1.1 and older, or of BoringSSL."""
    code = int(digits, 16) if len(digits) == 8 else int(digits)
    reasons = []
    if code >> 23 & 0xFF == _SSL_LIBRARY:
        reasons.append((code & 0x7FFFFF, "openssl-3"))
    if code >> 24 & 0xFF == _SSL_LIBRARY:
        reasons.append((code & 0xFFF, "openssl-1"))
    if code >> 24 & 0xFF == _SSL_OF_BORINGSSL:
        reason = code & 0xFFF
        reasons.append(
            (_REASONS_OF_BORINGSSL.get(reason, max(reason, _REASON_OF_ALERTS)), "boringssl")
        )
    for reason, speaker in reasons:
        found = _by_number().get(("openssl reason", reason))
        if found is not None:
            return found._replace(speaker=speaker)
    return None


def readings(query: str) -> Iterator[KnownText]:
    """Yield everything that a number or a name alone can be; nothing where it is neither."""
    query = query.strip().strip("\"'()[]:,.").lower()
    if not query or len(query) > _LONGEST_QUERY:
        return
    *before, last = re.split(r"[\s=:#()]+", query)
    if _NUMBER.fullmatch(last) and all(word in _COUNTS for word in before):
        named = dict.fromkeys(count for word in before for count in _COUNTS[word])
        for count in named or _ALL_COUNTS:
            found = _reading(count, last)
            # Nobody writes a reason of OpenSSL alone, unless it is an alert's.
            alone = count == "openssl reason" and not named
            if found is not None and (not alone or int(last) >= _REASON_OF_ALERTS):
                yield found
        return
    for alert in code_table(AlertDescription).values():
        if re.sub(r"[\s_-]+", "_", query) in (alert.name.lower(), f"alert_{alert.name.lower()}"):
            yield KnownText("", alert=int(alert), says=_named(alert))


def _named(alert: AlertDescription) -> str:
    return f"the alert {alert} ({int(alert)}); that alone does not tell who sent it"


def _reading(count: str, number: str) -> KnownText | None:
    if count == "openssl code":
        digits = number.removeprefix("0x")
        is_code = len(digits) == 8 or (number.isdigit() and int(number) > 1 << 24)
        return _openssl_code(digits) if is_code else None
    if number.startswith("0x") and count == "schannel":
        value = int(number, 16)
    elif re.fullmatch(r"-?\d+", number):
        value = int(number)
    else:
        return None
    if count == "alert":
        if value not in code_table(AlertDescription):
            return None
        return KnownText("", alert=value, says=_named(AlertDescription(value)))
    found = verify_code(value) if count == "verify" else _by_number().get((count, value))
    if found is None:
        return None
    if count == "verify":
        return found._replace(says=f"OpenSSL's verify code {value}: {WORDS[value][0]}")
    return found._replace(says=found.says and f"{_TITLES.get(count, '')}{found.says}")


_TITLES = {
    "gnutls": "an error number of GnuTLS: ",
    "nginx": "nginx's own HTTP status: ",
    "event": "",
    "schannel": "a status code of Windows: ",
}
