"""Public CAs by the names of their certificates, and what they no longer issue.

Rules: a name proves nothing. Who uses this says that the issuer names itself so.
"""

from __future__ import annotations

import re

# Organizations whose CAs browsers trust, as they name themselves.
_ORGANIZATION = re.compile(
    r"(?:^|[,+])O=(Let's Encrypt|ISRG|DigiCert|Sectigo|COMODO|Google Trust Services|GlobalSign"
    r"|ZeroSSL|Amazon|Entrust|GoDaddy|Starfield|SSL Corp|Buypass|Actalis|IdenTrust|Certum"
    r"|SwissSign)(?![A-Za-z])"
)
NO_MORE_CLIENT_AUTH = (
    "public CAs stop issuing clientAuth: Let's Encrypt did on 11 February 2026 (its default "
    "profile); no CA of Chrome's root store may from 15 March 2027 on (Chrome Root Program Policy "
    "1.8)"
)
OWN_CA_FOR_CLIENTS = (
    "use a certificate of its own for the client, with clientAuth, from a private CA that the "
    "server trusts for its clients alone; keep the public CA's for the server"
)


def public_ca(issuer: str) -> str:
    """Return the public CA that an issuer (RFC 4514) names itself as, "" for none that is known."""
    found = _ORGANIZATION.search(issuer)
    return found[1] if found else ""
