"""What to do, in the words of what people use, where several causes ask for it."""

from __future__ import annotations

from lab.diagnosis.evidence import Evidence

SUPPLY_KEYS = (
    "supply the key log of one of the ends (SSLKEYLOGFILE, for --keylog), or keys in the capture"
)


def give_certificate(summary: Evidence) -> str:
    """Return how the client is given a certificate."""
    here = "here and " if summary.client_is_ours else ""
    return (
        f"give the client a certificate and its key (--cert and --key {here}in curl; cert= in "
        "requests and httpx, ssl_context= in aiohttp, tls.Config.Certificates in Go, a KeyStore in "
        "Java, key and cert in Node)"
    )
