"""What a TLS peer takes: the kind of a leaf's key, and how certificates are to be signed.

This module must not know how a peer says what it takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lab.pki.keys import KeyKind, PrivateKey
from lab.pki.profiles import Profile, SignatureHash
from lab.tls.code_points import SignatureScheme as Scheme

_PKCS1 = {
    Scheme.RSA_PKCS1_SHA256: SignatureHash.SHA256,
    Scheme.RSA_PKCS1_SHA384: SignatureHash.SHA384,
    Scheme.RSA_PKCS1_SHA512: SignatureHash.SHA512,
}
_PSS = {
    Scheme.RSA_PSS_RSAE_SHA256: SignatureHash.SHA256,
    Scheme.RSA_PSS_RSAE_SHA384: SignatureHash.SHA384,
    Scheme.RSA_PSS_RSAE_SHA512: SignatureHash.SHA512,
}
_ECDSA = {
    Scheme.ECDSA_SECP256R1_SHA256: SignatureHash.SHA256,
    Scheme.ECDSA_SECP384R1_SHA384: SignatureHash.SHA384,
    Scheme.ECDSA_SECP521R1_SHA512: SignatureHash.SHA512,
}
# RFC 9846 section 4.3.3: in TLS 1.3 a scheme is of one curve.
_OF_CURVE = {
    "secp256r1": Scheme.ECDSA_SECP256R1_SHA256,
    "secp384r1": Scheme.ECDSA_SECP384R1_SHA384,
    "secp521r1": Scheme.ECDSA_SECP521R1_SHA512,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What the peer takes; by default it is not known, and the usual is made.

    ``kind`` is the kind of key of a leaf whose own kind does not matter; ``certificate_schemes``
    are the schemes that certificates may be signed by, empty for any.
    """

    kind: KeyKind | None = None
    certificate_schemes: tuple[Scheme, ...] = ()

    def signed_by(self, issuer_key: PrivateKey, profile: Profile) -> Profile:
        """Return the profile with a signature algorithm of this key that the peer takes.

        Where it takes none of them, the profile is left as it is.
        """
        taken = self.certificate_schemes
        if isinstance(issuer_key, ec.EllipticCurvePrivateKey):
            own = _OF_CURVE.get(issuer_key.curve.name)
            fitting = [own] if own in taken else [each for each in _ECDSA if each in taken]
            if fitting and fitting[0] is not None:
                return replace(profile, signature_hash=_ECDSA[fitting[0]])
        if isinstance(issuer_key, rsa.RSAPrivateKey):
            for schemes, is_pss in ((_PKCS1, False), (_PSS, True)):
                for scheme, digest in schemes.items():
                    if scheme in taken:
                        return replace(profile, signature_hash=digest, signature_pss=is_pss)
        return profile
