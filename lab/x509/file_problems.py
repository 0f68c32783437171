"""The table of what can be wrong with a file, and with what lies beside certificates in it.

Like the table of :mod:`lab.x509.problems`; OpenSSL's verify codes do not speak of these.
"""

from __future__ import annotations

from lab.x509.problems import Problem

LEAF_NOT_FIRST = Problem(
    code="leaf-not-first",
    summary="the end-entity certificate is not the first in the file",
    reference="RFC 9846 section 4.5.1",
    fix="put it first, followed by its issuers",
)
WRONG_ORDER = Problem(
    code="wrong-order",
    summary="the chain is in the wrong order",
    reference="RFC 9846 section 4.5.1",
    fix="put each certificate in front of the one that issued it",
)
DUPLICATE_CERTIFICATE = Problem(
    code="duplicate-certificate",
    summary="the file contains a certificate more than once",
    reference="RFC 9846 section 4.5.1",
    fix="send each certificate once",
)
SUPERFLUOUS_CERTIFICATE = Problem(
    code="superfluous-certificate",
    summary="the file contains more than one chain",
    reference="RFC 9846 section 4.5.1",
    fix="send the leaf and its intermediates only; a root that is sent is not trusted for it",
)
KEY_DOES_NOT_FIT = Problem(
    code="key-does-not-fit",
    summary="the private key matches no certificate or request in these files",
    reference="RFC 9846 section 4.5.2",
    fix="find the key that belongs to the certificate, or have this one certified",
)
REQUEST_SIGNATURE_WRONG = Problem(
    code="request-signature-wrong",
    summary="the request is not signed by its own key",
    reference="RFC 2986 section 4.2",
    fix="create it again",
)
LAYOUT = Problem(
    code="file-not-loadable",
    summary="OpenSSL does not load this file as PEM",
    reference="RFC 7468 section 2",
    fix="fetch or make it again, as a file that OpenSSL loads",
)
NOT_INSPECTED = Problem(
    code="not-inspected",
    summary="something in this file was not looked at",
    reference="RFC 7468",
    fix="convert it, or look at it with the program that made it",
)
KEY_SEALED = Problem(
    code="key-not-opened",
    summary="the private key is encrypted, and was not opened",
    reference="RFC 5958 section 3",
    fix="give its password: then it is compared with the certificates",
)
KEY_UNREADABLE = Problem(
    code="key-unreadable",
    summary="the private key cannot be read by this tool",
    reference="RFC 5958 section 2",
    fix="try openssl pkey -in FILE -noout -check; for TLS use an RSA, EC or EdDSA key",
)
SEVERAL_KEYS = Problem(
    code="several-keys",
    summary="the file contains several private keys, and most programs take the first",
    reference="RFC 7292 section 4.2",
    fix="put each key with its certificate into a file of its own",
)
LEGACY_ENCRYPTION = Problem(
    code="legacy-encryption",
    summary="the file is encrypted in a way that OpenSSL 3 opens only with -legacy",
    reference="RFC 9579",
    fix="export it again with AES-256",
)

FILE_PROBLEMS = tuple(value for value in tuple(globals().values()) if isinstance(value, Problem))
"""All of them, in the order of the table."""
