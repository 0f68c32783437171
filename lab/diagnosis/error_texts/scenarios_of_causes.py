"""Which scenarios of the lab show a cause: their names, as ``lab.probe --list`` prints them.

A test holds that each is there.
"""

from __future__ import annotations

from collections.abc import Mapping

SCENARIOS: Mapping[str, tuple[str, ...]] = {
    "no-client-certificate": ("no-certificate",),
    "no-fitting-client-certificate": ("client-key-without-algorithm",),
    "client-ca-not-trusted": ("wrong-ca", "wrong-ca-same-name"),
    "client-intermediate-missing": ("intermediate-not-sent",),
    "client-certificate-self-signed": ("self-signed",),
    "client-certificate-expired": ("expired",),
    "client-ca-expired": ("intermediate-expired",),
    "client-certificate-not-yet-valid": ("not-yet-valid",),
    "client-wrong-extended-key-usage": ("eku-server-only",),
    "client-wrong-key-usage": ("key-usage-no-signature",),
    "client-certificate-revoked": ("revoked", "intermediate-revoked"),
    "client-crl-unusable": ("crl-missing", "crl-expired"),
    "client-key-or-digest-too-weak": ("rsa-1024", "sha1-signature"),
    "client-key-type-not-taken": ("ed25519", "rsa-pss-key"),
    "client-bad-certificate-signature": ("tampered-signature",),
    "client-issuer-is-no-ca": ("intermediate-not-a-ca",),
    "client-path-length-exceeded": ("path-length-exceeded",),
    "client-name-constraints-violated": ("name-constraints-violated",),
    "client-unknown-critical-extension": ("unknown-critical-extension",),
    "client-message-too-large": ("over-the-bound",),
    "client-authority-key-identifier-mismatch": ("wrong-ca-same-name",),
    "client-left": ("leaves-after-server-hello",),
    "server-certificate-expired": ("server-expired",),
    "server-name-mismatch": ("server-wrong-name", "server-cn-only-by-address"),
    "server-san-missing": ("server-cn-only",),
    "server-wrong-extended-key-usage": ("server-eku-client-only",),
    "server-ca-not-trusted": ("server-untrusted-ca",),
    "server-certificate-self-signed": ("server-self-signed",),
    "server-intermediate-missing": ("server-intermediate-not-sent",),
    "access-denied": ("not-on-the-list",),
    "no-common-version": ("no-common-version",),
    "no-common-cipher-suite": ("no-common-cipher-suite",),
    "no-common-group": ("no-common-group",),
    "no-common-signature-algorithm": (
        "no-common-signature-algorithm",
        "client-key-without-algorithm",
    ),
    "no-common-application-protocol": ("alpn-no-overlap",),
    "unknown-server-name": ("sni-unknown",),
    "no-tls": ("plain-http",),
    "silence": ("silence",),
    "http-wants-certificate": ("optional-without-certificate",),
    "http-certificate-refused": ("optional-expired",),
}
