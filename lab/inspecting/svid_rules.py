"""What makes a certificate no SPIFFE identity (X509-SVID, SPIFFE-ID): rules that OpenSSL lacks.

Rules: what every validator must refuse (X509-SVID section 5.2) is told apart from what the
specification forbids and libraries differ about, and both from what it only recommends.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.inspecting.certificate_problems import (
    CertificateUnderCheck,
    SeenProblem,
    certificate_causes,
)
from lab.inspecting.results import Grade, TlsRole
from lab.x509 import spiffe_problems
from lab.x509.problems import Problem
from lab.x509.spiffe_id import MAX_ID, has_capitals, has_path, has_spiffe_scheme, id_flaw

_SHOWN = 3  # URIs
_SIGNING = ("keyCertSign", "cRLSign")


def every_cause(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    """Yield every problem of the certificate on its own, those as an SVID among them if it is."""
    yield from certificate_causes(checked)
    if not checked.svid or not checked.description.signed:
        return
    if checked.is_leaf:
        yield from _leaf_names(checked)
        yield from _leaf_usage(checked)
    elif checked.is_authority:
        yield from _authority(checked)


def _refused(problem: Problem, *evidence: str) -> SeenProblem:
    return SeenProblem(problem=problem, evidence=evidence, unless_said=Grade.SPIFFE_REFUSES)


def _forbidden(problem: Problem, *evidence: str) -> SeenProblem:
    return SeenProblem(problem=problem, evidence=evidence, unless_said=Grade.SPIFFE_FORBIDS)


def _leaf_names(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    about = checked.description
    if "subjectAltName" in about.problem:
        return  # which is said, and nothing is known of its names
    uris = [name[4:] for name in about.subject_alt_names if name.startswith("URI:")]
    if len(uris) != 1:
        shown = ", ".join(uris[:_SHOWN]) or "none"
        line = f"URIs: {len(uris)} ({shown}{', and more' if len(uris) > _SHOWN else ''})"
        yield _refused(spiffe_problems.NOT_ONE_URI, line)
        return
    (uri,) = uris
    if not has_spiffe_scheme(uri):
        yield _refused(spiffe_problems.NO_SPIFFE_ID, f"{uri}: its scheme is not spiffe")
    elif flaw := id_flaw(uri):
        yield _refused(spiffe_problems.NO_SPIFFE_ID, f"{uri}: {flaw}")
    else:
        if has_capitals(uri):
            yield _forbidden(spiffe_problems.CAPITALS, uri)
        if not has_path(uri):
            yield _forbidden(spiffe_problems.NO_PATH, uri)
        if len(uri) > MAX_ID:
            yield _advice(spiffe_problems.ID_TOO_LONG, f"it has {len(uri)} bytes")


def _advice(problem: Problem, *evidence: str) -> SeenProblem:
    return SeenProblem(problem=problem, evidence=evidence, advice=True)


def _leaf_usage(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    about = checked.description
    if about.is_ca:
        yield _refused(spiffe_problems.IS_CA, "basicConstraints: CA:TRUE")
    elif about.is_ca is None and "basicConstraints" not in about.problem:
        yield _forbidden(spiffe_problems.NO_BASIC_CONSTRAINTS, "it has no basicConstraints")
    usage = about.key_usage
    if signing := [bit for bit in _SIGNING if bit in (usage or ())]:
        yield _refused(spiffe_problems.MAY_SIGN, f"keyUsage: {', '.join(signing)}")
    yield from _key_usage(checked, "digitalSignature")
    purposes = about.extended_key_usage
    if purposes is None:
        if "extendedKeyUsage" not in about.problem:
            yield _advice(spiffe_problems.NO_PURPOSE, "OpenSSL accepts it for every purpose")
    elif lacking := [role for role in TlsRole if role.purpose not in purposes]:
        listed = f"extendedKeyUsage: {', '.join(purposes[:5]) or 'empty'}"
        roles = (f"without {role.purpose}, which a {role.value}'s needs" for role in lacking)
        yield _forbidden(spiffe_problems.ONE_PURPOSE, listed, *roles)


def _key_usage(checked: CertificateUnderCheck, needed: str) -> Iterator[SeenProblem]:
    about = checked.description
    if "keyUsage" in about.problem:
        return
    if about.key_usage is None:
        yield _forbidden(spiffe_problems.KEY_USAGE, "it has no keyUsage")
        return
    lines = []
    if needed not in about.key_usage:
        lines.append(f"keyUsage: {', '.join(about.key_usage) or 'empty'}, without {needed}")
    if "keyUsage" not in about.critical_extensions:
        lines.append("keyUsage is not critical")
    if lines:
        yield _forbidden(spiffe_problems.KEY_USAGE, *lines)


def _authority(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    yield from _key_usage(checked, "keyCertSign")
    for name in checked.description.subject_alt_names[:100]:
        uri = name[4:] if name.startswith("URI:") else ""
        if has_spiffe_scheme(uri) and not id_flaw(uri) and has_path(uri):
            yield _forbidden(spiffe_problems.CA_WITH_PATH, uri)
