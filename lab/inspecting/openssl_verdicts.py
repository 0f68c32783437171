"""OpenSSL's verdicts on a chain, and the causes graded by them.

Rules: where OpenSSL accepts, nothing says that it refuses; where it refuses and no cause fits, its
own words stand.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lab.inspecting.certificate_problems import SeenProblem
from lab.inspecting.results import FoundProblem, Grade, RoleVerdict, TlsRole
from lab.stream.chain_judge import ChainVerdict, judge_chain
from lab.x509 import file_problems, problems
from lab.x509.problems import Problem, Wording
from lab.x509.verify_codes import VerifyCode

_PURPOSES = {TlsRole.CLIENT: ssl.Purpose.CLIENT_AUTH, TlsRole.SERVER: ssl.Purpose.SERVER_AUTH}
_STRICT = "ssl.create_default_context sets VERIFY_X509_STRICT since Python 3.13"

_STRICT_ONLY = (
    problems.AKI_MISSING,
    problems.SKI_MISSING,
    problems.LEAF_MAY_SIGN,
    problems.LEAF_PATH_LENGTH,
    problems.SAN_EMPTY,
    problems.ROOT_WITHOUT_BASIC_CONSTRAINTS,
    problems.CA_CONSTRAINTS_NOT_CRITICAL,
    problems.CA_KEY_USAGE_MISSING,
    problems.NO_SUBJECT_NO_SAN,
    problems.NO_SUBJECT_SAN_NOT_CRITICAL,
)


def verdicts(
    chain: Sequence[bytes], trust: Sequence[bytes], crls: Sequence[bytes], *, partial: bool
) -> tuple[RoleVerdict, ...]:
    """Return what OpenSSL makes of a chain in each role."""

    def judge(role: TlsRole, *, strict: bool) -> ChainVerdict:
        purpose = _PURPOSES[role]
        try:
            return judge_chain(
                chain, trust=trust, crls=crls, purpose=purpose, strict=strict, partial=partial
            )
        except ssl.SSLError as error:
            words = f"it cannot load the CAs or the CRLs in these files: {error.reason or error}"
            return ChainVerdict(accepted=False, verify_message=words)

    return tuple(
        RoleVerdict(role=role, plain=judge(role, strict=False), strict=judge(role, strict=True))
        for role in TlsRole
    )


def graded(
    causes: Iterable[SeenProblem], asked: Sequence[RoleVerdict], *, is_trusted: bool = False
) -> Iterator[FoundProblem]:
    """Yield problems with their grades.

    ``asked`` are the verdicts in the roles that the certificate is meant for; of a CA, those of
    what it issued. The signature of a certificate that was trusted (``is_trusted``) was not
    verified.
    """
    for problem in causes:
        verified = not (is_trusted and problem.about_signature)
        grade, decisive = _grade(problem, asked if verified else ())
        if decisive or not problem.tentative:
            said = tuple(_quoted(decisive, asked))
            found = FoundProblem.of(
                problem.problem, grade, *problem.evidence, wording=problem.wording, said=said
            )
            yield replace(found, fix=problem.fix) if problem.fix else found


def unexplained(
    causes: Iterable[SeenProblem],
    asked: Sequence[RoleVerdict],
    wording: Wording,
    *,
    reaches_trust: bool,
) -> Iterator[FoundProblem]:
    """Yield OpenSSL's verdicts that none of the problems explains, in its own words.

    ``reaches_trust``: as far as it can be seen here, the chain leads to what is trusted.
    """
    explained = {verdict for problem in causes for verdict in _grade(problem, asked)[1]}
    plain, strict = _refusals(asked)
    for refusals, grade in ((plain, Grade.REFUSED), ([] if plain else strict, Grade.STRICT)):
        for verdict in dict.fromkeys(refusals):
            if verdict not in explained:
                said = tuple(_quoted([verdict], asked))
                problem = _problem_of(verdict, reaches_trust=reaches_trust)
                yield FoundProblem.of(problem, grade, wording=wording, said=said)


def _refusals(asked: Sequence[RoleVerdict]) -> tuple[list[ChainVerdict], list[ChainVerdict]]:
    """Return the verdicts that refuse, plain and strict."""
    return (
        [verdict.plain for verdict in asked if not verdict.plain.accepted],
        [verdict.strict for verdict in asked if not verdict.strict.accepted],
    )


def _grade(cause: SeenProblem, asked: Sequence[RoleVerdict]) -> tuple[Grade, list[ChainVerdict]]:
    """Return the grade of a problem, with the verdicts that it explains."""
    problem = cause.problem
    plain, strict = _refusals(asked)
    if problem is file_problems.LEAF_NOT_FIRST:
        return Grade.UNUSABLE, []
    if cause.advice and problem is not problems.KEY_TYPE:
        return cause.unless_said or Grade.ACCEPTED, []
    if problem not in _STRICT_ONLY and (found := _explained(problem, plain)):
        return Grade.REFUSED, found
    if cause.unless_said is not None:
        return cause.unless_said, []
    if cause.advice:
        return (Grade.HIDDEN if plain else Grade.VERSION), []
    if not asked:
        return Grade.NOT_ASKED, []
    if plain and problem not in _STRICT_ONLY:
        return Grade.HIDDEN, []
    if found := _explained(problem, strict):
        return Grade.STRICT, found
    if problem is problems.KEY_TYPE and not cause.about_unknown:
        return Grade.UNUSABLE, []  # OpenSSL judged the chain; the handshake goes on with the key
    return (Grade.HIDDEN if strict and problem in _STRICT_ONLY else Grade.ACCEPTED), []


def _explained(problem: Problem, refused: Sequence[ChainVerdict]) -> list[ChainVerdict]:
    codes = problem.verify_codes | _MORE_CODES.get(problem.code, frozenset())
    return [
        verdict
        for verdict in refused
        if verdict.verify_code in codes or _TLS_REFUSALS.get(verdict.verify_message) == problem
    ]


# What OpenSSL says of some problems among others, beyond the codes of the table.
_NO_ISSUER = frozenset(
    {
        VerifyCode.UNABLE_TO_GET_ISSUER_CERT,
        VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        VerifyCode.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    }
)
_MORE_CODES = {
    problems.CHAIN_INCOMPLETE.code: _NO_ISSUER,
    problems.AKI_MISMATCH.code: _NO_ISSUER,
    problems.BAD_SIGNATURE.code: _NO_ISSUER,
    problems.NETSCAPE_TYPE.code: frozenset({VerifyCode.INVALID_PURPOSE}),
    problems.LEAF_MAY_SIGN.code: frozenset({VerifyCode.INVALID_CA}),
}
# What the TLS library says of chains that are in order: they cannot be used all the same.
_TLS_REFUSALS = {
    "excessive message size": problems.TOO_LARGE,
    "unknown certificate type": problems.KEY_TYPE,
    "unable to find public key parameters": problems.KEY_TYPE,
}


def _quoted(refused: Iterable[ChainVerdict], asked: Sequence[RoleVerdict]) -> Iterator[str]:
    for verdict in dict.fromkeys(refused):
        if any(verdict == role.plain for role in asked):
            yield str(verdict)
        else:
            yield f"with VERIFY_X509_STRICT: {verdict}"
            yield _STRICT


def _problem_of(verdict: ChainVerdict, *, reaches_trust: bool) -> Problem:
    """Return the one problem of the table that the verdict's code stands for."""
    if found := _TLS_REFUSALS.get(verdict.verify_message):
        return found
    code = verdict.verify_code
    fitting = [problem for problem in problems.PROBLEMS if code in problem.verify_codes]
    if problems.UNTRUSTED_CA in fitting and not reaches_trust:
        return problems.UNTRUSTED_CA
    if problems.NOT_A_CA in fitting:
        return problems.NOT_A_CA
    return fitting[0] if len(fitting) == 1 else problems.OPENSSL_REFUSES
