"""The problem table: complete, without repetitions, and worded for either end."""

from __future__ import annotations

import re
import string
from collections import Counter
from dataclasses import fields

import pytest

from lab.x509 import problems
from lab.x509.file_problems import FILE_PROBLEMS
from lab.x509.problems import NEUTRAL_WORDING, PROBLEMS, Problem, Wording, chain_wording
from lab.x509.spiffe_problems import SPIFFE_PROBLEMS
from lab.x509.verify_codes import VerifyCode

EVERY = (*PROBLEMS, *FILE_PROBLEMS, *SPIFFE_PROBLEMS)
each_problem = pytest.mark.parametrize("problem", EVERY, ids=lambda problem: problem.code)


def test_each_problem_is_in_the_table_once() -> None:
    named = [value for value in vars(problems).values() if isinstance(value, Problem)]
    assert list(PROBLEMS) == named
    assert len(PROBLEMS) > 30
    assert [code for code, count in Counter(p.code for p in EVERY).items() if count > 1] == []


@each_problem
def test_an_entry_is_complete(problem: Problem) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code)
    of_spiffe = problem in SPIFFE_PROBLEMS
    assert problem.reference.startswith(("X509-SVID ", "SPIFFE-ID ") if of_spiffe else "RFC ")
    for text in (problem.summary, problem.fix):
        assert text and text == text.strip() and text[-1] != "." and text.isprintable()


@each_problem
def test_the_braces_are_words_that_there_are(problem: Problem) -> None:
    words = {
        word
        for text in (problem.summary, problem.fix)
        for _, word, _, _ in string.Formatter().parse(text)
        if word
    }
    assert words <= {field.name for field in fields(Wording)}
    for wording in (NEUTRAL_WORDING, chain_wording("client", "server")):
        assert not set("{}") & set(problem.summary_in(wording) + problem.fix_in(wording))


def test_each_verify_code_belongs_to_a_problem() -> None:
    assert set(VerifyCode) == {code for problem in PROBLEMS for code in problem.verify_codes}


def test_the_words_for_the_chain_of_one_end() -> None:
    wording = chain_wording("client", "server")
    assert problems.EXPIRED.summary_in(wording) == (
        "the client's certificate, or another one in its chain, has expired"
    )
    assert problems.EXPIRED.fix_in(wording) == (
        "issue a new certificate; check the clock of the server"
    )
    assert problems.SELF_SIGNED.summary_in(wording) == (
        "the client's certificate is self-signed, not issued by a CA"
    )
    assert problems.WRONG_PURPOSE.summary_in(chain_wording("server", "client")) == (
        "the server's certificate, or another one in its chain, has an extendedKeyUsage without "
        "serverAuth"
    )
    assert problems.INTERMEDIATE_MISSING.summary_in(wording) == (
        "the client does not send the intermediate certificate that leads to a trusted CA"
    )


def test_the_words_for_a_certificate_of_either_end() -> None:
    assert problems.EXPIRED.summary_in(NEUTRAL_WORDING) == "the certificate has expired"
    assert problems.UNTRUSTED_CA.summary_in(NEUTRAL_WORDING) == (
        "the other end does not trust the CA that issued the certificate"
    )
    assert problems.PURPOSE_MISSING.fix_in(NEUTRAL_WORDING) == (
        "issue it with clientAuth or serverAuth: other implementations may require it"
    )
