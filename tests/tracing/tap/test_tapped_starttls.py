"""A tap before servers whose TLS begins by a command, between them and real clients of theirs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.tracing.results import Trace
from tests.support.serving import in_thread, program
from tests.support.starttls_servers import CLIENT
from tests.tracing.tap.test_tap_listener import tapping

PRELUDES = {
    "imap": "IMAP STARTTLS",
    "pop3": "POP3 STLS",
    "lmtp": "LMTP STARTTLS",
    "sieve": "ManageSieve STARTTLS",
    "ldap": "LDAP StartTLS",
    "smtp": "SMTP STARTTLS",
    "postgres": "PostgreSQL SSLRequest",
    "mysql": "MySQL",
}


async def tapped(port: int, command: Sequence[str | Path], **env: str) -> Trace:
    """What a tap tells of a command, in which {port} is its own."""
    async with tapping(port) as collected:
        words = [str(word).replace("{port}", str(collected.address.port)) for word in command]

        def run() -> None:
            subprocess.run(
                words, input=b"", capture_output=True, timeout=20, env={**os.environ, **env}
            )

        await in_thread(run)
        return await collected.one()


def s_client(certs: Path, protocol: str) -> list[str | Path]:
    command: list[str | Path] = [
        program("openssl", "openssl"),
        "s_client",
        "-starttls",
        protocol,
        "-tls1_2",
    ]
    files = ("-cert", certs / "client.crt", "-key", certs / "client.key")
    return [*command, "-connect", "127.0.0.1:{port}", *files]


def check(trace: Trace, protocol: str) -> None:
    assert trace.flow is not None and trace.flow.prelude == PRELUDES[protocol]
    assert trace.negotiated_version is not None
    assert trace.client_certificate is not None
    assert not trace.outcome.rejected


@pytest.mark.parametrize("protocol", ["imap", "pop3", "lmtp", "sieve"])
async def test_dovecot(protocol: str, certs: Path, dovecot_ports: dict[str, int]) -> None:
    check(await tapped(dovecot_ports[protocol], s_client(certs, protocol)), protocol)


async def test_slapd(certs: Path, slapd_port: int) -> None:
    check(await tapped(slapd_port, s_client(certs, "ldap")), "ldap")


async def test_curl_and_dovecot(certs: Path, dovecot_ports: dict[str, int]) -> None:
    files = ("--cert", certs / "client.crt", "--key", certs / "client.key")
    ca = ("--cacert", certs / "ca.crt", "--tls-max", "1.2")
    command: list[str | Path] = [program("curl", "curl"), "--silent", "--ssl-reqd", *files, *ca]
    url = "imap://anybody:secret@localhost:{port}/"
    check(await tapped(dovecot_ports["imap"], [*command, url]), "imap")


@pytest.mark.slow
async def test_postfix(certs: Path, postfix_port: int) -> None:
    check(await tapped(postfix_port, s_client(certs, "smtp")), "smtp")


@pytest.mark.slow
async def test_psql_and_postgresql(certs: Path, postgresql_port: int, tmp_path: Path) -> None:
    key = tmp_path / "client.key"  # libpq wants it to be its user's alone
    key.write_bytes((certs / "client.key").read_bytes())
    key.chmod(0o600)
    command = [program("psql", "postgresql-client"), "-h", "127.0.0.1", "-p", "{port}"]
    trace = await tapped(
        postgresql_port,
        [*command, "-U", CLIENT, "-c", "select 1", "postgres"],
        PGSSLMODE="require",
        PGSSLCERT=str(certs / "client.crt"),
        PGSSLKEY=str(key),
        PGSSLMAXPROTOCOLVERSION="TLSv1.2",
    )
    check(trace, "postgres")


@pytest.mark.slow
async def test_the_client_of_mariadb(certs: Path, mariadb_port: int) -> None:
    command = [program("mariadb", "mariadb-client"), "--no-defaults", "--protocol=TCP"]
    files = (f"--ssl-cert={certs / 'client.crt'}", f"--ssl-key={certs / 'client.key'}")
    where = ("-h", "127.0.0.1", "-P", "{port}", "-u", CLIENT, "--tls-version=TLSv1.2")
    check(await tapped(mariadb_port, [*command, *where, *files, "-e", "select 1"]), "mysql")
