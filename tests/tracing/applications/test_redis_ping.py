"""PING against Redis."""

from __future__ import annotations

from pathlib import Path

from lab.diagnosis.results import AnswerMeaning
from tests.support.application_servers import redis, redis_with_password
from tests.support.application_traces import both, client, said, traced
from tests.support.peers import VerifyMode, served_by


def test_a_certificate_is_required(certs: Path, tmp_path: Path) -> None:
    with served_by(redis, certs, tmp_path) as port:
        refused, accepted = both(f"rediss://127.0.0.1:{port}", certs)
    assert refused.outcome.alert is not None and refused.outcome.answer is None
    assert said(accepted) == ("PONG", AnswerMeaning.ADMITTED)


def test_a_certificate_is_optional(certs: Path, tmp_path: Path) -> None:
    with served_by(redis, certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        trace = traced(f"rediss://127.0.0.1:{port}", certs)
    assert said(trace) == ("PONG", AnswerMeaning.ADMITTED)
    assert trace.causes[0].code == "certificate-optional"


def test_a_password_is_wanted(certs: Path, tmp_path: Path) -> None:
    with served_by(redis_with_password, certs, tmp_path) as port:
        trace = traced(f"rediss://127.0.0.1:{port}", certs, identity=client(certs))
    assert said(trace) == ("NOAUTH", AnswerMeaning.ASKS)
    assert trace.outcome.accepted
    assert [cause.code for cause in trace.causes] == ["application-asks-for-login", "mutual-tls"]
