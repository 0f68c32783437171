"""Problems that OpenSSL refuses only with X509_V_FLAG_X509_STRICT, set by default in Python 3.13.

Rules: for each problem a test shows that OpenSSL refuses it with the flag, with a verify code of
its entry in the table, and accepts it without.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from lab.inspecting.certificate_under_check import CertificateUnderCheck
from lab.inspecting.results import FoundProblem, Grade
from lab.x509 import problems
from lab.x509.certificates import extension
from lab.x509.problems import Problem


def strict_problems(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    """Yield the problems for which strict checks refuse a certificate in a chain."""
    # RFC 5280 does not apply to self-signed end entities (RFC 6818, 2), so nor do the checks.
    if checked.self_signed and not checked.is_authority:
        return
    for problem in (
        *_key_identifiers(checked),
        *(_ca_extensions(checked) if checked.is_authority else _leaf_extensions(checked)),
        *_subject_name(checked),
    ):
        codes = sorted(problem.verify_codes, reverse=True)
        yield FoundProblem.of(
            problem,
            Grade.STRICT,
            "with VERIFY_X509_STRICT OpenSSL says: "
            + ", or ".join(f"{code.words} ({code.value})" for code in codes),
            "ssl.create_default_context sets VERIFY_X509_STRICT since Python 3.13",
        )


def _key_identifiers(checked: CertificateUnderCheck) -> Iterator[Problem]:
    if checked.certificate.version is not x509.Version.v3:
        return
    if checked.description.authority_key_identifier is None and not checked.self_signed:
        yield problems.AKI_MISSING
    if checked.is_authority and checked.description.subject_key_identifier is None:
        yield problems.SKI_MISSING


def _leaf_extensions(checked: CertificateUnderCheck) -> Iterator[Problem]:
    if "keyCertSign" in (checked.description.key_usage or ()):
        yield problems.LEAF_MAY_SIGN


def _ca_extensions(checked: CertificateUnderCheck) -> Iterator[Problem]:
    constraints = extension(checked.certificate, x509.BasicConstraints)
    if constraints is None:
        yield problems.ROOT_WITHOUT_BASIC_CONSTRAINTS
        return
    if not constraints.critical:
        yield problems.CA_CONSTRAINTS_NOT_CRITICAL
    if checked.description.key_usage is None:
        yield problems.CA_KEY_USAGE_MISSING


def _subject_name(checked: CertificateUnderCheck) -> Iterator[Problem]:
    if list(checked.certificate.subject):
        return
    names = extension(checked.certificate, x509.SubjectAlternativeName)
    if names is None:
        yield problems.NO_SUBJECT_NO_SAN
    elif not names.critical:
        yield problems.NO_SUBJECT_SAN_NOT_CRITICAL
