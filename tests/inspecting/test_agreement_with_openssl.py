"""The inspection of a chain says what ``openssl verify`` says of it, in both roles."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lab.api import inspect_files
from lab.inspecting.results import Grade, InspectedCertificate
from tests.support.random_chains import Composer

CHAINS_OF_A_SEED = 52
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))]


def openssl_verify(files: list[Path], role: str, *, strict: bool) -> int:
    """Return the first error of ``openssl verify``, at which a TLS peer stops; 0 for none."""
    chain, trust, *lists = map(str, files)
    words = ["openssl", "verify", "-auth_level", "2", "-purpose", f"ssl{role}"]
    words += ["-x509_strict"] if strict else []
    words += ["-crl_check_all", "-CRLfile", lists[0]] if lists else []
    words += ["-CAfile", trust, "-untrusted", chain, chain]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r"error (\d+) at", done.stdout + done.stderr)
    assert found or done.returncode == 0, done.stderr
    return int(found[1]) if found else 0


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdicts_are_the_same(tmp_path: Path, seed: int, role: str) -> None:
    composer = Composer(seed=seed)
    refused = 0
    for number in range(CHAINS_OF_A_SEED):
        composed = composer.compose()
        files = composed.write(tmp_path)
        context = f"seed {seed}, chain {number}: {composed.flaws}"
        inspection = inspect_files(files, role=role)
        entry = inspection.files[0].entries[0]
        assert isinstance(entry, InspectedCertificate), context
        (verdict,) = (one for one in entry.verdicts if one.role.value == role)
        plain = openssl_verify(files, role, strict=False)
        strict = openssl_verify(files, role, strict=True)
        assert verdict.plain.verify_code == plain, context
        assert verdict.strict.verify_code == strict, context
        grades = {problem.grade for _, problem in inspection.problems()}
        if verdict.plain.accepted:
            assert Grade.REFUSED not in grades, context
        else:
            assert Grade.REFUSED in grades, context
            refused += 1
        if verdict.plain.accepted and not verdict.strict.accepted:
            assert Grade.STRICT in grades, context
        if verdict.strict.accepted:
            assert Grade.STRICT not in grades, context
    assert CHAINS_OF_A_SEED // 5 < refused < CHAINS_OF_A_SEED
