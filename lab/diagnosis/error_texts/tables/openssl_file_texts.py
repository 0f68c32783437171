"""OpenSSL's errors about files: certificates and keys that it cannot load, or that do not match.

Source: the errors of libcrypto 3.0 and 1.1, from loading broken files, and Python's names for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import KnownText, from_source

# A cause, what the texts say, their words. None of them has an alert.
_OTHER_PARTS = (
    (
        "key-does-not-fit",
        "the key does not belong to the certificate",
        ("key values mismatch", "key type mismatch"),
    ),
    (
        "file-not-loadable",
        "the file has no PEM block of the kind that was looked for, or a broken one",
        (
            "pem routines::no start line",
            "pem routines:*:no start line",
            "pem_read_bio:no start line",
            "[ssl] pem lib",
            "[x509] pem lib",
            "bad end line",
            "bad base64 decode",
        ),
    ),
    (
        "key-not-opened",
        "the key or file could not be decrypted: mostly a wrong password, or none",
        (
            "bad decrypt",
            "bad password read",
            "pkcs12 routines::mac verify failure",
            "pkcs12 routines:*:mac verify failure",
            "error: mac verify failure",
            "mac verify error: invalid password?",
        ),
    ),
    (
        "legacy-encryption",
        "the file needs an algorithm that OpenSSL 3 has in its legacy provider only",
        ("digital envelope routines::unsupported", "inner_evp_generic_fetch:unsupported"),
    ),
    (
        "file-not-loadable",
        "a key or certificate file cannot be read",
        (
            "decoder routines::unsupported",
            "bio routines::no such file",
            "unable to load certificate",
            "unable to load client certificate",
            "unable to load ssl private key",
            "unable to load ssl certificate",
            "could not load server certificate file",
            "could not load private key file",
            "unable to load private key",
            "could not read private key from",
            "could not read certificate from",
            "could not open file or uri for loading private key from",
            "could not open file or uri for loading certificate from",
        ),
    ),
    (
        "ca-file-unusable",
        "the CA file has no certificate in it",
        ("[x509: no_certificate_or_crl_found]", "routines::no certificate or crl found"),
    ),
)


def _of_others() -> Iterator[KnownText]:
    for code, says, phrases in _OTHER_PARTS:
        row = KnownText("", "openssl", says=says, causes=(code,))
        for phrase in phrases:
            yield row._replace(phrase=phrase, in_context=":" not in phrase)


TEXTS = from_source("OpenSSL 3.0.22 and 1.1, errors of libcrypto", "openssl", _of_others())
