"""The pytest plugin: its fixtures and its assertion, in test runs of a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.starttls_servers import postgresql

pytest_plugins = ("pytester",)

GOOD = """
import sys

from lab.pytest_plugin import assert_refuses_bad_clients


def test_nothing_is_loaded_before_it_is_used():
    assert "lab.api" not in sys.modules


def test_an_expired_client(mtls_server, mtls_identity):
    from lab.api import trace_server

    expired = mtls_identity(scenario="expired")
    (trace,) = trace_server(mtls_server, identity=expired, versions=["1.3"])
    assert trace.causes[0].code == "client-certificate-expired"


def test_a_tap(mtls_server, mtls_tap, mtls_identity):
    from lab.api import trace_server

    tap = mtls_tap(mtls_server)
    (own,) = trace_server(tap.address, identity=mtls_identity(), versions=["1.2"])
    assert own.outcome.accepted
    assert tap.wait()[0].outcome.accepted


def test_the_server(mtls_server, mtls_ca):
    only = ["good", "expired", "no-certificate"]
    assert_refuses_bad_clients(mtls_server.address, mtls_ca, only=only, request="/todo")
"""

BAD = """
from lab.api import LabServer
from lab.pytest_plugin import assert_refuses_bad_clients


def test_the_server(mtls_ca):
    with LabServer(trust=mtls_ca, client_auth="none") as server:
        assert_refuses_bad_clients(server.address, mtls_ca, only=["expired"], versions=["1.3"])
"""

UNKNOWN = """
from lab.api import LabCA
from lab.pytest_plugin import assert_refuses_bad_clients


def test_the_server(mtls_server):
    other = LabCA()
    assert_refuses_bad_clients(
        mtls_server.address, other, trust=mtls_server.authorities_pem, only=["good"]
    )
"""


NOTHING_SHOWN = """
import pytest

from lab.api import ArgumentError
from lab.pytest_plugin import assert_refuses_bad_clients


@pytest.mark.parametrize("address", [None, ""])
def test_no_server(mtls_ca, address):
    with pytest.raises(ArgumentError, match="give the server's host:port"):
        assert_refuses_bad_clients(address, mtls_ca, only=["good"])


@pytest.mark.parametrize("name", ["revoked", "expired,revoked"])
def test_what_could_not_be_judged(mtls_server, mtls_ca, name):
    with pytest.raises(AssertionError, match="could not be judged"):
        assert_refuses_bad_clients(
            mtls_server.address, mtls_ca, only=name.split(","), versions=["1.3"]
        )


def test_no_bad_client(mtls_server, mtls_ca):
    from lab.api import list_scenarios

    names = {one.name for one in list_scenarios(elsewhere=True)} - {"good"}
    with pytest.raises(AssertionError, match="could not be judged"):
        assert_refuses_bad_clients(mtls_server.address, mtls_ca, skip=sorted(names))
"""

STARTTLS = """
import os

import pytest

from lab.api import ArgumentError, LabCA
from lab.pytest_plugin import assert_refuses_bad_clients


def test_the_server():
    ca = LabCA.load(os.environ["CA_FOLDER"] + "/ca.crt", os.environ["CA_FOLDER"] + "/ca.key")
    address = "127.0.0.1:" + os.environ["PORT"]
    only = ["expired", "self-signed"]
    assert_refuses_bad_clients(address, ca, starttls="postgres", only=only, versions=["1.3"])
    with pytest.raises(ArgumentError, match="postgres"):
        assert_refuses_bad_clients(address, ca, starttls="postgers", only=only)
"""


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    """Runs in a folder of its own, without this project's settings."""
    pytester.makeini(
        "[pytest]\naddopts = -W error\nasyncio_default_fixture_loop_scope = function\n"
    )
    return pytester


def test_the_fixtures_and_the_assertion(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GOOD)
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(passed=4)


@pytest.mark.slow
def test_in_several_processes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GOOD)
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=4)


def test_a_failure_shows_the_table_and_the_handshake(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BAD)
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(failed=1)
    shown = done.stdout.str()
    assert "does something wrong" in shown
    assert "should have been refused" in shown
    assert "ClientHello" in shown
    assert "in _failure" not in shown


def test_a_failure_has_no_terminal_controls(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in CI, where FORCE_COLOR is set and the report is a file."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    pytester.makepyfile(BAD)
    pytester.runpytest_subprocess("--color=no", "--junitxml=report.xml").assert_outcomes(failed=1)
    written = (pytester.path / "report.xml").read_text("utf-8")
    assert "should have been refused" in written
    assert "#x1B" not in written


def test_what_shows_nothing_is_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NOTHING_SHOWN)
    pytester.runpytest_subprocess().assert_outcomes(passed=5)


@pytest.mark.slow
def test_a_server_whose_tls_begins_by_a_command(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, certs: Path
) -> None:
    with postgresql(certs) as port:
        monkeypatch.setenv("PORT", str(port))
        monkeypatch.setenv("CA_FOLDER", str(certs))
        pytester.makepyfile(STARTTLS)
        pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_what_cannot_be_told_is_a_failure(pytester: pytest.Pytester) -> None:
    """A server that does not trust the CA refuses everybody: that shows nothing."""
    pytester.makepyfile(UNKNOWN)
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*AssertionError*"])


def test_the_fixtures_are_listed_with_what_they_are(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("--fixtures")
    lines = done.stdout.str()
    for name in ("mtls_ca", "mtls_identity", "mtls_server", "mtls_tap"):
        assert name in lines
