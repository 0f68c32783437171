"""``python -m lab.server --allow-cn --allow-san``: who is served, and how a bad name is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.doors import run, served
from tests.support.serving import client_tls, get


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (
            ("--allow-cn", "someone", "--allow-cn", "mtls-client", "--allow-san", "URI:spiffe://a"),
            200,
        ),
        (("--allow-cn", "someone", "--allow-san", "DNS:mtls-client"), 403),
    ],
)
def test_who_is_served(certs: Path, words: tuple[str, ...], status: int) -> None:
    with served("--certs", certs, "--port", "0", *words) as server:
        response = get(server.port, client_tls(certs))
        assert response.startswith(f"HTTP/1.1 {status} ".encode())
        server.until(f'"GET /todo HTTP/1.1" {status} -')
    reason = b"none of its names is on the server's allow-list: CN=mtls-client"
    assert (reason in response) is (status == 403)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--allow-san", "mtls-client"),
            "--allow-san: 'mtls-client' is not a valid name; write DNS:",
        ),
        (("--allow-san", "URI:spiffe://LAB/x"), "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH"),
        (("--allow-cn", ""), "--allow-cn: the name is empty"),
        (("--allow-cn", "a", "--client-auth", "none"), "leave out --client-auth none"),
    ],
)
def test_a_list_that_makes_no_sense(certs: Path, words: tuple[str, ...], message: str) -> None:
    done = run("lab.server", "--certs", certs, "--port", "0", *words)
    assert done.code == 2
    assert done.err.startswith("lab.server: ")
    assert message in done.err
    assert done.err.count("\n") == 1
