"""The login of MySQL against MariaDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.results import AnswerMeaning
from tests.support.application_traces import both, said, traced
from tests.support.starttls_servers import CLIENT, NO_CERTIFICATE_USER

pytestmark = pytest.mark.slow


def test_a_user_who_must_have_a_certificate(mariadb_port: int, certs: Path) -> None:
    refused, accepted = both(f"mysql://{CLIENT}@127.0.0.1:{mariadb_port}", certs)
    assert said(refused) == ("1045", AnswerMeaning.REFUSED)
    assert refused.causes[0].code == "mysql-access-denied"
    assert "REQUIRE X509" in refused.causes[0].summary
    assert said(accepted) == ("OK", AnswerMeaning.ADMITTED)


def test_a_user_who_need_not(mariadb_port: int, certs: Path) -> None:
    trace = traced(f"mysql://{NO_CERTIFICATE_USER}@127.0.0.1:{mariadb_port}", certs)
    assert said(trace) == ("OK", AnswerMeaning.ADMITTED)
    assert trace.causes[0].code == "certificate-optional"
    assert "answered MySQL OK" in " ".join(trace.causes[0].evidence)


def test_a_user_whom_nobody_knows(mariadb_port: int, certs: Path) -> None:
    trace = traced(f"mysql://127.0.0.1:{mariadb_port}", certs, version="1.2")
    assert said(trace)[1] in (AnswerMeaning.REFUSED, AnswerMeaning.ADMITTED)
