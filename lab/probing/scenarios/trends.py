"""Scenarios: what changes around mutual TLS, and breaks clients that nobody has touched."""

from __future__ import annotations

from lab.pki import catalogue
from lab.probing.scenarios.leaf import identity
from lab.probing.scenarios.scenario import refused
from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems
from lab.x509.public_cas import NO_MORE_CLIENT_AUTH, OWN_CA_FOR_CLIENTS
from lab.x509.verify_codes import VerifyCode

TREND_SCENARIOS = (
    identity(
        "renewed-by-public-ca",
        catalogue.renewed_by_public_ca,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        sentence="A public CA has renewed the client's certificate, without clientAuth",
        made="a host name and serverAuth alone, under an intermediate with serverAuth alone",
        cause=f"{NO_MORE_CLIENT_AUTH}. Servers with OpenSSL, Go, Java and NSS refuse what is "
        "renewed so, GnuTLS's takes it",
        fix=OWN_CA_FOR_CLIENTS,
        control="through-intermediate",
    ),
)
