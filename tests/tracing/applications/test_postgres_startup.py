"""PostgreSQL's start-up against PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.api import Signal
from lab.diagnosis.results import AnswerMeaning
from tests.support.application_traces import both, client, said, traced
from tests.support.starttls_servers import CLIENT

pytestmark = pytest.mark.slow


def test_a_certificate_is_wanted(postgresql_port: int, certs: Path) -> None:
    refused, accepted = both(f"postgres://{CLIENT}@127.0.0.1:{postgresql_port}/postgres", certs)
    assert said(refused) == ("28000", AnswerMeaning.REFUSED)
    assert refused.outcome.signal is Signal.APPLICATION and refused.outcome.rejected
    assert refused.causes[0].code == "postgres-wants-certificate"
    assert "sslcert" in refused.causes[0].fix
    assert said(accepted) == ("AuthenticationOk", AnswerMeaning.ADMITTED)
    assert accepted.outcome.accepted and accepted.causes[0].code == "mutual-tls"


@pytest.mark.parametrize(
    ("path", "code", "cause"),
    [
        (f"{CLIENT}x@/postgres", "28000", "postgres-certificate-name"),
        (f"{CLIENT}@/nobody", "28000", "postgres-no-hba-entry"),
        (f"{CLIENT}@/no-such-database", "3D000", "application-answer-open"),
        (f"{CLIENT}@/both", "AuthenticationSASL", "application-asks-for-login"),
    ],
)
def test_who_has_one_may_be_refused_all_the_same(
    postgresql_port: int, certs: Path, path: str, code: str, cause: str
) -> None:
    user, _, database = path.partition("@")
    address = f"postgres://{user}@127.0.0.1:{postgresql_port}{database}"
    trace = traced(address, certs, identity=client(certs), version="1.2")
    assert said(trace)[0] == code
    assert cause in [found.code for found in trace.causes]
    assert trace.outcome.rejected == code.startswith("28")


def test_clientcert_is_looked_at_before_a_password(postgresql_port: int, certs: Path) -> None:
    """So that who is asked for one had no certificate to show: the probe relies on it."""
    address = f"postgres://127.0.0.1:{postgresql_port}"
    assert said(traced(f"{address}/both", certs, version="1.2"))[0] == "28000"
    asked = traced(f"{address}/password", certs, version="1.2")
    assert said(asked) == ("AuthenticationSASL", AnswerMeaning.ASKS)
