"""``LabTap``: connections of a test's own client, explained, and nothing left behind."""

from __future__ import annotations

import http.client
import ssl
import threading

import pytest

from lab.api import ArgumentError, LabCA, LabIdentity, LabServer, LabTap
from lab.tls.events import Endpoint
from tests.support.serving import PATIENCE


def ask(
    tap: LabTap, ca: LabCA, identity: LabIdentity | None
) -> tuple[int, http.client.HTTPSConnection]:
    """Ask for the list by way of the tap, as a test's own client does."""
    with ca.certificate_file() as file:
        context = ssl.create_default_context(cafile=file)
    context.keylog_filename = str(tap.key_log)
    if identity is not None:
        with identity.files() as files:
            context.load_cert_chain(files.certificate, files.key)
    host, _, port = tap.address.partition(":")
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=PATIENCE)
    try:
        connection.request("GET", "/todo")
        response = connection.getresponse()
        response.read()
    except BaseException:
        connection.close()
        raise
    return response.status, connection


def test_connections_of_a_client_are_explained() -> None:
    ca = LabCA()
    with LabServer(trust=ca) as server, LabTap(target=server) as tap:
        status, connection = ask(tap, ca, ca.client())
        assert status == 200
        assert not tap.traces
        connection.close()
        (accepted,) = tap.wait()
        with pytest.raises(OSError):
            ask(tap, ca, None)
        refused = tap.wait(2)[1]
    assert accepted.outcome.accepted
    assert accepted.outcome.http_status == 200
    assert refused.outcome.rejected
    assert refused.outcome.by is Endpoint.SERVER
    assert refused.causes[0].code == "no-client-certificate"
    assert tap.traces == (accepted, refused)


def test_what_is_in_flight_at_the_end_of_the_block_is_told() -> None:
    ca = LabCA()
    with LabServer(trust=ca) as server:
        with LabTap(target=server.address) as tap:
            _, connection = ask(tap, ca, ca.client())
            with pytest.raises(TimeoutError, match="0 of 1"):
                tap.wait(timeout=0)
        connection.close()
        assert len(tap.traces) == 1
        assert not tap.key_log.parent.exists()


def test_it_ends_with_its_block() -> None:
    tap = LabTap(target="localhost:1")
    with pytest.raises(RuntimeError, match="does not run"):
        _ = tap.address
    for _ in range(2):
        with tap:
            assert tap.address.startswith("127.0.0.1:")
            with pytest.raises(RuntimeError, match="runs already"):
                tap.__enter__()
        assert not [one for one in threading.enumerate() if one.name in {"lab.api", "tap"}]


def test_a_target_that_is_none_is_refused() -> None:
    with pytest.raises(ArgumentError, match="scheme"), LabTap(target="http://localhost"):
        pass
