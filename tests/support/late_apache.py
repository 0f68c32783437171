"""Apache that asks for a certificate in one of its locations only, so after the handshake."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.support.peers import CommandLine, Setup, VerifyMode, served_by
from tests.support.serving import program

PRIVATE = "/private/"
_MODULES = "/usr/lib/apache2/modules"


def _command(setup: Setup, settings: str) -> CommandLine:
    private = setup.folder / "private"
    private.mkdir()
    for folder in (setup.folder, private):
        (folder / "index.html").write_text("hello\n", "utf-8")
    (setup.folder / "favicon.ico").touch()  # which browsers ask for
    loaded = "".join(
        f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "dir", "ssl", "http2")
    )
    config = setup.write(
        "apache.conf",
        f"""
{loaded}
ServerName localhost
Listen 127.0.0.1:{setup.port}
PidFile {setup.folder}/apache.pid
DefaultRuntimeDir {setup.folder}
Mutex file:{setup.folder}
ErrorLog {setup.folder}/error.log
DocumentRoot {setup.folder}
DirectoryIndex index.html
Protocols h2 http/1.1
SSLEngine on
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLCertificateFile {setup.file("server.crt")}
SSLCertificateKeyFile {setup.file("server.key")}
SSLCACertificateFile {setup.file("ca.crt")}
{settings}
<Location {PRIVATE}>
    SSLVerifyClient require
    SSLVerifyDepth 5
</Location>
""",
    )
    return [program("apache2", "apache2-bin"), "-X", "-f", config]


@contextlib.contextmanager
def late_apache(certs: Path, folder: Path, settings: str = "") -> Iterator[int]:
    """Run it with the files in ``certs``; its port. It asks at ``PRIVATE``, for a certificate.

    ``settings`` are more of its own, for the whole host.
    """
    with served_by(
        partial(_command, settings=settings), certs, folder, ask=VerifyMode.NONE
    ) as port:
        yield port
