"""The schemes of URLs that lead to TLS: their ports, and the protocols that begin in the clear.

Sources: IANA's registry of service names and ports; the RFCs are named where each protocol is
spoken, in ``lab.tracing.preludes``.
"""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass


class StartTls(enum.Enum):
    """A protocol that begins in the clear and changes to TLS by a command of its own."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"
    FTP = "ftp"
    LDAP = "ldap"
    XMPP = "xmpp"
    NNTP = "nntp"
    SIEVE = "sieve"
    RDP = "rdp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What a scheme means: its default TCP port, and how TLS begins (None: at once)."""

    port: int
    starttls: StartTls | None = None


SCHEMES = {
    "https": Scheme(port=443),
    "postgres": Scheme(port=5432, starttls=StartTls.POSTGRES),
    "postgresql": Scheme(port=5432, starttls=StartTls.POSTGRES),
    "mysql": Scheme(port=3306, starttls=StartTls.MYSQL),
    "mariadb": Scheme(port=3306, starttls=StartTls.MYSQL),
    "smtp": Scheme(port=25, starttls=StartTls.SMTP),
    "lmtp": Scheme(port=24, starttls=StartTls.LMTP),
    "imap": Scheme(port=143, starttls=StartTls.IMAP),
    "pop3": Scheme(port=110, starttls=StartTls.POP3),
    "ftp": Scheme(port=21, starttls=StartTls.FTP),
    "ldap": Scheme(port=389, starttls=StartTls.LDAP),
    "xmpp": Scheme(port=5222, starttls=StartTls.XMPP),
    "nntp": Scheme(port=119, starttls=StartTls.NNTP),
    "sieve": Scheme(port=4190, starttls=StartTls.SIEVE),
    "rdp": Scheme(port=3389, starttls=StartTls.RDP),
    "smtps": Scheme(port=465),
    "imaps": Scheme(port=993),
    "pop3s": Scheme(port=995),
    "ftps": Scheme(port=990),
    "ldaps": Scheme(port=636),
    "xmpps": Scheme(port=5223),
    "nntps": Scheme(port=563),
    "mqtts": Scheme(port=8883),
    "rediss": Scheme(port=6379),
    "amqps": Scheme(port=5671),
    "grpcs": Scheme(port=443),
}
"""Each scheme, in lower case, that a URL may have here."""

PORTS = {scheme.starttls: scheme.port for scheme in SCHEMES.values() if scheme.starttls is not None}
"""The port of each protocol that begins in the clear."""


def nearest_scheme(name: str) -> str:
    """Return the known scheme that ``name`` looks most like, "" where none is near."""
    near = difflib.get_close_matches(name.lower(), SCHEMES, n=1)
    return near[0] if near else ""
