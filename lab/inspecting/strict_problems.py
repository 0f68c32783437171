"""Flaws that OpenSSL refuses only with X509_V_FLAG_X509_STRICT, which Python 3.13 sets by default.

Rules: for each flaw a test shows that OpenSSL refuses it with the flag, with the message quoted
here, and accepts it without.

This module must not know chains, files or keys.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from lab.inspecting.certificate_under_check import CertificateUnderCheck
from lab.inspecting.results import FileProblem, FoundProblem, Grade


def strict_flaws(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    """Yield the flaws for which strict checks refuse a certificate in a chain."""
    # RFC 5280 does not apply to self-signed end entities (RFC 6818, 2), so nor do the checks.
    if subject.self_signed and not subject.is_authority:
        return
    yield from _key_identifiers(subject)
    yield from _ca_extensions(subject)
    yield from _subject_name(subject)


def _key_identifiers(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    if subject.certificate.version is not x509.Version.v3:
        return
    if subject.description.authority_key_identifier is None and not subject.self_signed:
        yield _strict(
            FileProblem.AKI_MISSING,
            "the certificate has no authorityKeyIdentifier with a keyIdentifier",
            "Missing Authority Key Identifier (85)",
            "RFC 5280 section 4.2.1.1",
            "issue it with authorityKeyIdentifier=keyid",
        )
    if subject.is_authority and subject.description.subject_key_identifier is None:
        yield _strict(
            FileProblem.SKI_MISSING,
            "the CA has no subjectKeyIdentifier",
            "Missing CertificateUnderCheck Key Identifier (86)",
            "RFC 5280 section 4.2.1.2",
            "issue the CA certificate again with subjectKeyIdentifier=hash",
        )


def _ca_extensions(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    if not subject.is_authority:
        if "keyCertSign" in (subject.description.key_usage or ()):
            yield _strict(
                FileProblem.LEAF_MAY_SIGN_CERTIFICATES,
                "the keyUsage has keyCertSign, but the certificate is not a CA certificate",
                "Key usage keyCertSign invalid for non-CA cert (82)",
                "RFC 5280 section 4.2.1.3",
                "issue it without keyCertSign",
            )
        return
    constraints = subject.extension(x509.BasicConstraints)
    if constraints is None:
        yield _strict(
            FileProblem.ROOT_WITHOUT_BASIC_CONSTRAINTS,
            "the root has no basicConstraints",
            "invalid CA certificate (79)",
            "RFC 5280 section 4.2.1.9",
            "issue the CA certificate again as version 3, with critical basicConstraints CA:TRUE",
        )
        return
    if not constraints.critical:
        yield _strict(
            FileProblem.CA_BASIC_CONSTRAINTS_NOT_CRITICAL,
            "the CA's basicConstraints are not critical",
            "Basic Constraints of CA cert not marked critical (89)",
            "RFC 5280 section 4.2.1.9",
            "issue the CA certificate again with basicConstraints=critical,CA:TRUE",
        )
    if subject.description.key_usage is None:
        yield _strict(
            FileProblem.CA_KEY_USAGE_MISSING,
            "the CA has no keyUsage",
            "CA cert does not include key usage extension (92), or, where there is a path length, "
            "Path length given without key usage keyCertSign (81)",
            "RFC 5280 section 4.2.1.3",
            "issue the CA certificate again with keyUsage=critical,keyCertSign,cRLSign",
        )


def _subject_name(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    if list(subject.certificate.subject):
        return
    names = subject.extension(x509.SubjectAlternativeName)
    if names is None:
        yield _strict(
            FileProblem.NO_SUBJECT_NO_SAN,
            "the certificate has neither a subject nor a subjectAltName",
            "Subject name empty (84)",
            "RFC 5280 section 4.1.2.6",
            "issue it with one of the two",
        )
    elif not names.critical:
        yield _strict(
            FileProblem.NO_SUBJECT_SAN_NOT_CRITICAL,
            "the certificate has no subject, and its subjectAltName is not critical",
            "Subject empty and CertificateUnderCheck Alt Name extension not critical (88)",
            "RFC 5280 section 4.2.1.6",
            "issue it with a critical subjectAltName",
        )


def _strict(flaw: FileProblem, summary: str, reason: str, reference: str, fix: str) -> FoundProblem:
    return FoundProblem(
        flaw=flaw,
        grade=Grade.STRICT,
        summary=summary,
        evidence=(
            f"with VERIFY_X509_STRICT OpenSSL says: {reason}",
            "ssl.create_default_context sets VERIFY_X509_STRICT since Python 3.13",
        ),
        reference=reference,
        fix=fix,
    )
