"""What a request asks for, in words, and how certificates compare with it."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.api import LabCA
from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.pki.identity import Identity, KeyKind
from lab.tls.code_points import ClientCertificateType as Type
from lab.tls.code_points import ExtensionType, ProtocolVersion
from lab.tls.code_points import SignatureScheme as Scheme
from lab.tls.extensions import OidFilter, OidFilters, SignatureAlgorithms
from lab.tls.messages import CertificateRequest
from lab.tracing.certificate_requests.request_terms import MOST_NAMES, fit_of, terms_of
from lab.tracing.certificate_requests.results import CertificateFit

TLS12, TLS13 = ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3
AUTHORITY = LabCA().authority
UNDER = AUTHORITY.intermediate()
ROOT_NAME = AUTHORITY.root.subject.public_bytes()
EVERY_TYPE = (Type.RSA_SIGN, Type.DSS_SIGN, Type.ECDSA_SIGN)


def request(*schemes: Scheme, **fields: Any) -> CertificateRequest:
    return CertificateRequest(supported_signature_algorithms=schemes, **fields)


def name(text: str) -> bytes:
    return x509.Name.from_rfc4514_string(text).public_bytes()


def at_hand(identity: Identity) -> CertificateAtHand:
    chain = tuple(each.public_bytes(Encoding.DER) for each in identity.chain)
    return CertificateAtHand(name="client.crt", chain=chain)


@pytest.mark.parametrize(
    ("version", "asked", "keys"),
    [
        (TLS13, request(Scheme.RSA_PSS_RSAE_SHA256, Scheme.RSA_PSS_RSAE_SHA512), ("RSA",)),
        (TLS13, request(Scheme.RSA_PKCS1_SHA256), ()),  # for certificates only there
        (
            TLS13,
            request(Scheme.ECDSA_SECP256R1_SHA256, Scheme.ED25519, Scheme.RSA_PSS_PSS_SHA256),
            ("EC secp256r1", "Ed25519", "RSA-PSS"),
        ),
        (TLS12, request(Scheme.RSA_PKCS1_SHA256, certificate_types=EVERY_TYPE), ("RSA",)),
        (
            TLS12,
            request(Scheme.ECDSA_SHA1, Scheme.DSA_SHA256, certificate_types=EVERY_TYPE),
            ("EC", "DSA"),
        ),
        (
            TLS12,  # EdDSA goes with ecdsa_sign (RFC 8422 section 5.5)
            request(Scheme.ED25519, Scheme.RSA_PKCS1_SHA256, certificate_types=(Type.ECDSA_SIGN,)),
            ("Ed25519",),
        ),
        (TLS12, request(Scheme.RSA_PSS_PSS_SHA256, certificate_types=EVERY_TYPE), ("RSA-PSS",)),
        (
            ProtocolVersion.TLS_1_1,
            request(certificate_types=(Type.RSA_SIGN, Type.GOST_SIGN256)),
            ("RSA",),
        ),
        (ProtocolVersion(0x7F1C), request(Scheme.ED448), ("Ed448",)),  # a draft of TLS 1.3
    ],
)
def test_the_kinds_of_key(
    version: ProtocolVersion, asked: CertificateRequest, keys: tuple[str, ...]
) -> None:
    assert terms_of(asked, version).keys == keys


def test_names_signatures_and_filters() -> None:
    for_chains = SignatureAlgorithms(
        extension_type=ExtensionType.SIGNATURE_ALGORITHMS_CERT,
        supported_signature_algorithms=(Scheme.RSA_PKCS1_SHA256,),
    )
    filters = OidFilters(
        filters=(OidFilter(certificate_extension_oid=b"", certificate_extension_values=b""),)
    )
    names = tuple(name(f"CN=CA {number}") for number in range(MOST_NAMES + 3))
    terms = terms_of(
        request(
            Scheme(0x0A0A),
            Scheme(0x1234),
            Scheme.ED25519,
            certificate_authorities=names,
            extensions=(for_chains, filters),
        ),
        TLS13,
    )
    assert terms.names[:2] == ("CN=CA 0", "CN=CA 1")
    assert (len(terms.names), terms.names_left_out) == (MOST_NAMES, 3)
    assert terms.signatures == ("unknown(0x1234)", "ed25519")  # without GREASE
    assert (terms.unknown_schemes, terms.filters) == (1, 1)
    assert terms.chain_signatures == ("rsa_pkcs1_sha256",)
    assert terms_of(request(), TLS13).chain_signatures is None


def fit(identity: Identity, asked: CertificateRequest) -> CertificateFit:
    return fit_of(at_hand(identity), asked, terms_of(asked, TLS13))


def test_whether_its_issuer_is_named() -> None:
    """Of the leaf, or of one above it that is there; as OpenSSL compares names."""
    whole = AUTHORITY.client(issuer=UNDER)
    alone = Identity(chain=whole.chain[:1], key=whole.key)
    named = request(certificate_authorities=(name("CN=Other"), ROOT_NAME))
    assert fit(AUTHORITY.client(), named).named == "CN=mTLS Lab Root CA"
    assert fit(alone, named).named == ""
    assert fit(whole, named).named == "CN=mTLS Lab Root CA"
    assert fit(alone, request()).named is None
    other_case = request(certificate_authorities=(name("CN=MTLS lab  root CA"),))
    assert fit(whole, other_case).named == "CN=MTLS lab  root CA"


def test_whether_its_key_is_of_a_kind_that_is_asked_for() -> None:
    rsa, ec = (AUTHORITY.client(kind=kind) for kind in (KeyKind.RSA_2048, KeyKind.EC_P256))
    only_rsa = request(Scheme.RSA_PSS_RSAE_SHA256)
    assert [fit(each, only_rsa).key_fits for each in (rsa, ec)] == [True, False]
    unknown = request(Scheme.RSA_PSS_RSAE_SHA256, Scheme(0x1234))
    assert [fit(each, unknown).key_fits for each in (rsa, ec)] == [True, None]
    unreadable = CertificateAtHand(name="x", chain=(b"\x30\x00",))
    assert fit_of(unreadable, only_rsa, terms_of(only_rsa, TLS13)).key_fits is None
    any_curve = terms_of(request(Scheme.ECDSA_SHA1, certificate_types=EVERY_TYPE), TLS12)
    assert fit_of(at_hand(ec), only_rsa, any_curve).key_fits
