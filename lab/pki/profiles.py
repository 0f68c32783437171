"""What a certificate shall say: profiles, as data.

Rules: a profile is complete and frozen; a certificate that is broken in one way is a good profile
with one field changed by :func:`dataclasses.replace`. Profiles are not checked, since some
are wrong on purpose.
"""

from __future__ import annotations

import enum
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.pki.errors import PlanError
from lab.x509.spiffe_id import MAX_ID, has_capitals, has_spiffe_scheme, id_flaw

CA_NAME = "mTLS Lab Root CA"
SERVER_NAME = "localhost"
CLIENT_NAME = "mtls-client"
DEFAULT_HOSTNAMES = ("localhost", "127.0.0.1", "::1")
DEFAULT_PFX_PASSWORD = "changeit"
CA_DAYS = 3650
LEAF_DAYS = 365

# A new certificate is valid from a little before it was made, for the machine (a container, a
# virtual machine) that shares the folder and whose clock is a little behind. The lifetime is
# counted from there, so that it is as long as `openssl x509 -days` makes it.
CLOCK_SKEW = timedelta(minutes=5)

MAX_CN_BYTES = 64  # ub-common-name (RFC 5280, appendix A.1), which cryptography counts in bytes
MAX_HOSTNAME = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9.-]{1,253})")

NOT_A_CA = x509.BasicConstraints(ca=False, path_length=None)


class KeyUsageBit(enum.Enum):
    """A bit of the keyUsage extension (RFC 5280, 4.2.1.3), by its ASN.1 name."""

    DIGITAL_SIGNATURE = "digitalSignature"
    CONTENT_COMMITMENT = "contentCommitment"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DATA_ENCIPHERMENT = "dataEncipherment"
    KEY_AGREEMENT = "keyAgreement"
    KEY_CERT_SIGN = "keyCertSign"
    CRL_SIGN = "cRLSign"
    ENCIPHER_ONLY = "encipherOnly"
    DECIPHER_ONLY = "decipherOnly"


class SignatureHash(enum.Enum):
    """The hash in a certificate's signature; the name as OpenSSL writes it."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a certificate says, apart from its key and its issuer's.

    ``starts`` is where notBefore lies as seen from the moment of issue, ``lifetime`` the length
    from notBefore to notAfter. An extension whose field is ``None``, empty or ``False`` is left
    out. ``serial`` and ``issuer`` of ``None`` mean a random number and the issuer's true name.
    ``extensions`` are added as they stand, behind all others; they must not repeat one.
    ``signature_hash`` is the hash that the issuer signs with, where its key's algorithm has a
    choice (Ed25519 has none); with ``signature_pss`` an RSA key signs by RSASSA-PSS.
    """

    subject: x509.Name
    lifetime: timedelta
    starts: timedelta = -CLOCK_SKEW
    names: tuple[x509.GeneralName, ...] = ()
    basic_constraints: x509.BasicConstraints | None = NOT_A_CA
    key_usage: frozenset[KeyUsageBit] = frozenset({KeyUsageBit.DIGITAL_SIGNATURE})
    extended_key_usage: tuple[x509.ObjectIdentifier, ...] = ()
    subject_key_identifier: bool = True
    authority_key_identifier: bool = True
    extensions: tuple[x509.Extension[x509.ExtensionType], ...] = ()
    serial: int | None = None
    issuer: x509.Name | None = None
    signature_hash: SignatureHash = SignatureHash.SHA256
    signature_pss: bool = False


def common_name(text: str) -> x509.Name:
    """Return a name that is one commonName, as UTF8String.

    Raises :class:`ValueError` where ``text`` is empty or longer than 64 bytes in UTF-8.
    """
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def root_ca(name: str = CA_NAME, *, days: int = CA_DAYS) -> Profile:
    """Return a self-signed root. It has no AKI, which a root may leave out (RFC 5280, 4.2.1.1)."""
    return Profile(
        subject=common_name(name),
        lifetime=timedelta(days=days),
        basic_constraints=x509.BasicConstraints(ca=True, path_length=None),
        key_usage=frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN}),
        authority_key_identifier=False,
    )


def intermediate_ca(name: str, *, path_length: int | None = 0, days: int = CA_DAYS) -> Profile:
    """Return an authority under another; ``path_length`` of 0 lets it issue end entities only."""
    return Profile(
        subject=common_name(name),
        lifetime=timedelta(days=days),
        basic_constraints=x509.BasicConstraints(ca=True, path_length=path_length),
        key_usage=frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN}),
    )


def server(
    names: tuple[x509.GeneralName, ...], *, cn: str = SERVER_NAME, days: int = LEAF_DAYS
) -> Profile:
    """Return a TLS server, which clients know by ``names`` (RFC 9525, 6.3), not its commonName.

    The key only signs: TLS 1.3 and the (EC)DHE cipher suites of TLS 1.2 ask for nothing else
    (RFC 5246, 7.4.2), so one profile serves RSA and EC keys.
    """
    return Profile(
        subject=common_name(cn),
        lifetime=timedelta(days=days),
        names=names,
        extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
    )


def client(cn: str = CLIENT_NAME, *, days: int = LEAF_DAYS) -> Profile:
    """Return a TLS client, known by its commonName."""
    return Profile(
        subject=common_name(cn),
        lifetime=timedelta(days=days),
        extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
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


def alternative_name(text: str) -> x509.GeneralName:
    """Parse an entry of the form ``TYPE:NAME``. Raises :class:`~lab.pki.errors.PlanError`."""
    kind, _, name = text.partition(":")
    if kind in ("DNS", "IP"):
        made = general_name(name)
        if isinstance(made, x509.IPAddress) is (kind == "IP"):
            return made
        raise _bad(text, "it is an IP address" if kind == "DNS" else "it is not an IP address")
    if kind == "URI":
        return x509.UniformResourceIdentifier(_uri(text, name))
    if kind == "email":
        found = _MAILBOX.fullmatch(name)
        if found is None:
            raise _bad(text, "it is not a mail address in ASCII")
        general_name(found[1])
        return x509.RFC822Name(name)
    raise _bad(text, "it does not begin with DNS:, IP:, URI: or email:")


def _uri(text: str, uri: str) -> str:
    if not (uri.isascii() and uri.isprintable()) or " " in uri or len(uri) > MAX_ID:
        raise _bad(text, f"a URI is 1 to {MAX_ID} printable ASCII characters without spaces")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _bad(text, "it is not a URI") from None
    if not parts.scheme or not (parts.netloc or parts.path):
        raise _bad(text, "it has no scheme, or nothing after it")
    if has_spiffe_scheme(uri) and (id_flaw(uri) or has_capitals(uri)):
        raise _bad(
            text,
            "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH, the trust domain in lower case, "
            "with no port, query, fragment or slash at its end",
        )
    return uri


def _bad(text: str, reason: str) -> PlanError:
    return PlanError(
        f"{text!r} is not a subjectAltName: {reason}",
        remedy="Give one such as DNS:host.example, IP:192.0.2.1, "
        "URI:spiffe://lab.example/client or email:ops@lab.example",
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
