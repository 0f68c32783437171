"""The certificate that is not shown: a server that names another CA than the client's.

What a server names in CertificateRequest is advice (RFC 9846 section 4.3.4): some clients go by it,
others do not. The server is ``openssl s_server``, since Python's ``ssl`` names no CAs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cryptography import x509

from lab.pki.identity import Identity, certificates_pem
from lab.serving.openssl_server import NoOpenSslServer, openssl_server
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.results import Trace
from lab.tracing.trace_server import NoTrace, trace_versions
from lab.webapp.learn.loopback_run import RunFiles, plan_for, run_files
from lab.webapp.learn.results import Comparison, LearnRun, RunFailed

_NAMED = x509.Name.from_rfc4514_string("CN=A CA of another company")


async def withhold_certificate() -> LearnRun:
    """Connect with a certificate of a CA that is not named, then with none. Raises RunFailed."""
    with run_files() as files:
        try:
            return await _run(files)
        except (NoOpenSslServer, NoConnection, NoTrace) as error:
            raise RunFailed(str(error)) from error


async def _run(files: RunFiles) -> LearnRun:
    named = certificates_pem([files.authority.authority.other_root(_NAMED).identity.certificate])
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
        async with openssl_server(
            Path(folder),
            files.authority.server().identity,
            client_ca=files.authority.certificate_pem,
            named=named,
        ) as port:
            traces = await _traces(port, files, files.authority.client().identity)
            empty = await _traces(port, files, None)
    return LearnRun(
        traces=traces,
        comparisons=(
            Comparison(
                title="A client that withholds its certificate",
                words="What the server gets from a client that goes by the names, such as Go's, "
                "Java's or a browser: an empty Certificate. This is the lab's client without any "
                "certificate, which is the same on the wire.",
                traces=empty,
            ),
        ),
    )


async def _traces(port: int, files: RunFiles, identity: Identity | None) -> tuple[Trace, ...]:
    plan = plan_for(port, TlsVersion.TLS13, files, identity)
    return await trace_versions(plan, list(TlsVersion))
