"""A lab's set of identities: what may be asked for, and making it, in memory.

Rules: a plan is checked when it is made, so that a refusal comes before any key is generated.
This module must not know files or arguments; names and limits are RFC 5280's and RFC 1123's.
"""

from __future__ import annotations

import enum
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.errors import PlanError
from lab.pki.files.lab_set import LabSet
from lab.pki.keys import KeyKind, KeySource, generate

DEFAULT_HOSTNAMES = ("localhost", "127.0.0.1", "::1")
DEFAULT_PFX_PASSWORD = "changeit"
MAX_CN_BYTES = 64  # ub-common-name (RFC 5280, appendix A.1), which cryptography counts in bytes
MAX_HOSTNAME = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class KeyType(enum.Enum):
    """Which keys a set has: RSA of 4096 bits for the CA and 2048 for the rest, or EC P-256."""

    RSA = "rsa"
    EC = "ec"


_KINDS = {
    KeyType.RSA: (KeyKind.RSA_4096, KeyKind.RSA_2048),
    KeyType.EC: (KeyKind.EC_P256, KeyKind.EC_P256),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan:
    """The parameters of a set.

    ``hostnames`` are host names and IP addresses of the server, besides ``localhost``,
    ``127.0.0.1`` and ``::1``, which it always has. ``days`` is the lifetime of the server's and the
    client's certificate; the CA's is fixed, and nothing may outlive it.

    Raises :class:`~lab.pki.errors.PlanError` for what no certificate can or should say.
    """

    key_type: KeyType = KeyType.RSA
    hostnames: tuple[str, ...] = ()
    client_cn: str = profiles.CLIENT_NAME
    days: int = profiles.LEAF_DAYS
    pfx_password: str = DEFAULT_PFX_PASSWORD

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        self.server_names()
        check_client_name(self.client_cn)
        if not 1 <= self.days <= profiles.CA_DAYS:
            raise PlanError(
                f"a lifetime of {self.days} days is not possible",
                remedy=f"Ask for 1 to {profiles.CA_DAYS} days: no certificate outlives its CA",
            )
        check_pfx_password(self.pfx_password)

    def server_names(self) -> tuple[x509.GeneralName, ...]:
        """Return the server's subjectAltName, without repetitions."""
        names = (general_name(each) for each in (*DEFAULT_HOSTNAMES, *self.hostnames))
        return tuple(dict.fromkeys(names))


def make_set(plan: SetPlan, *, now: datetime, new_key: KeySource = generate) -> LabSet:
    """Make a new CA, and a server and a client under it."""
    ca_kind, leaf_kind = _KINDS[plan.key_type]
    ca = self_signed(profiles.root_ca(), new_key(ca_kind), now=now)
    authority = Authority(identity=ca)
    server = profiles.server(plan.server_names(), days=plan.days)
    client = profiles.client(plan.client_cn, days=plan.days)
    return LabSet(
        ca=ca,
        server=authority.issue(server, new_key(leaf_kind), now=now),
        client=authority.issue(client, new_key(leaf_kind), now=now),
    )


def general_name(text: str) -> x509.GeneralName:
    """Return a subjectAltName entry for a host name or an IP address (RFC 5280, 4.2.1.6).

    Host names are lower-cased. Raises :class:`~lab.pki.errors.PlanError` for what is neither: a
    wildcard, a name that is not in its A-label form (RFC 5890), an address with a zone.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return x509.DNSName(_host_name(text))
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise _bad_host(text, "an address with a zone is valid on one machine only")
    return x509.IPAddress(address)


def _host_name(text: str) -> str:
    if not text.isascii():
        raise _bad_host(text, "a certificate takes internationalized names as A-labels (xn--...)")
    if "*" in text:
        raise _bad_host(text, "wildcards are not supported: name each host")
    labels = text.lower().split(".")
    if len(text) > MAX_HOSTNAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad_host(
            text,
            "labels are 1 to 63 letters, digits and inner hyphens, joined by dots, "
            f"{MAX_HOSTNAME} in all",
        )
    if labels[-1].isdigit():
        raise _bad_host(text, "it ends in a number, so it is a malformed IPv4 address")
    return text.lower()


def _bad_host(text: str, reason: str) -> PlanError:
    return PlanError(
        f"{text!r} is not a host name for a certificate: {reason}",
        remedy="Give a host name (RFC 1123) or an IP address",
    )


def check_pfx_password(text: str) -> None:
    """Raise a :class:`~lab.pki.errors.PlanError` unless it can be typed."""
    if not text or not _is_text(text):
        raise PlanError(
            "the password of the PFX file is empty or contains control characters",
            remedy="Give one of printable characters",
        )


def check_client_name(text: str) -> None:
    """Raise a :class:`~lab.pki.errors.PlanError` unless it can be a commonName."""
    if not text.strip() or not _is_text(text):
        problem = "is empty or contains control characters"
    elif len(text.encode()) > MAX_CN_BYTES:
        problem = f"takes {len(text.encode())} bytes in UTF-8"
    else:
        return
    raise PlanError(
        f"the client's common name {problem}",
        remedy=f"Give one of 1 to {MAX_CN_BYTES} bytes of printable text",
    )


def _is_text(text: str) -> bool:
    """Return whether it has no control, surrogate or unassigned characters (Unicode C*)."""
    return not any(unicodedata.category(character).startswith("C") for character in text)
