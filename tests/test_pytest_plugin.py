"""The pytest plugin: its fixtures and its assertion, in test runs of a user's own."""

from __future__ import annotations

import pytest

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
