"""Servers whose TLS begins by a command, each started on loopback in a folder of its own.

PostgreSQL, MariaDB, Postfix, Dovecot and slapd, with the lab's certificates. Each asks for a client
certificate, and demands one where it can; where it is started by root, it runs as another user.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.peers import VerifyMode, free_port
from tests.support.serving import PATIENCE, program

CLIENT = "mtls-client"
"""The CN of the lab's client, and the name of the user who may log in with its certificate."""
POSTGRES_RULES = {
    "password": "scram-sha-256",
    "both": "scram-sha-256 clientcert=verify-ca",
    "nobody": "reject",
}
"""Databases that PostgreSQL has a rule for, and the rule."""
NO_CERTIFICATE_USER = "anybody"
"""A user of MariaDB who needs no certificate."""


class ServerPlace:
    """A folder that ``user`` can reach and write to, with the certificates in it."""

    def __init__(self, folder: Path, user: str) -> None:
        self.folder = folder
        self.user = user if os.geteuid() == 0 else ""

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        if self.user:
            shutil.chown(path, self.user)

    def file(self, name: str) -> Path:
        return self.folder / name

    def make_folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        self.own(path)
        return path

    def command(self, *words: str | Path) -> list[str]:
        """The words of a command that runs as the user."""
        line = list(map(str, words))
        if not self.user:
            return line
        group = str(pwd.getpwnam(self.user).pw_gid)
        become = [program("setpriv", "util-linux"), "--reuid", self.user, "--regid", group]
        return [*become, "--clear-groups", "--", *line]


@contextlib.contextmanager
def server_place(certs: Path, user: str) -> Iterator[ServerPlace]:
    # Not below pytest's folder, which other users cannot enter; and short, for Unix sockets.
    with tempfile.TemporaryDirectory(prefix="lab", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        place = ServerPlace(folder, user)
        place.own(folder)
        for file in ("ca.crt", "server.crt", "server.key"):
            shutil.copy(certs / file, folder)
            place.own(folder / file)
        (folder / "server.key").chmod(0o600)
        yield place


@contextlib.contextmanager
def running_server(
    place: ServerPlace,
    words: Sequence[str | Path],
    ports: Sequence[int | Path],
    *,
    stop: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server in the foreground while the block runs, once it listens at ``ports``.

    A path is that of a Unix socket.
    """
    log = place.folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, words)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=place.folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        for port in ports:
            _wait_for(port, process, log)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it has left of its own session


def _wait_for(port: int | Path, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(int(PATIENCE / 0.02)):
        assert process.poll() is None, log.read_text("utf-8", "replace")
        try:
            if isinstance(port, int):
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
            else:
                with socket.socket(socket.AF_UNIX) as end:
                    end.connect(str(port))
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        else:
            return
    raise AssertionError(log.read_text("utf-8", "replace"))


def _run(place: ServerPlace, *words: str | Path) -> None:
    done = subprocess.run(
        place.command(*words), cwd=place.folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def postgresql(certs: Path, *, ask: VerifyMode = VerifyMode.REQUIRED) -> Iterator[int]:
    """The port of a PostgreSQL server, with the database ``postgres`` and the user ``CLIENT``.

    It wants a certificate with that CN; OPTIONAL verifies what is sent, NONE asks for none. For
    the databases of ``POSTGRES_RULES``, which do not exist, it has other rules.
    """
    initdb = _postgresql_program("initdb")
    with server_place(certs, "postgres") as place:
        data, port = place.file("data"), free_port()
        _run(place, initdb, "-D", data, "-U", CLIENT, "-A", "trust", "-N", "--no-instructions")
        method = "cert" if ask is VerifyMode.REQUIRED else "trust"
        rules = [*POSTGRES_RULES.items(), ("all", method)]
        lines = [f"hostssl {name} all 127.0.0.1/32 {rule}\n" for name, rule in rules]
        (data / "pg_hba.conf").write_text("".join(lines), "utf-8")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(place.folder),
            "fsync": "off",
            "shared_buffers": "8MB",
            "max_connections": "10",
            "ssl": "on",
            "ssl_cert_file": str(place.file("server.crt")),
            "ssl_key_file": str(place.file("server.key")),
        }
        if ask is not VerifyMode.NONE:
            settings["ssl_ca_file"] = str(place.file("ca.crt"))
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        words = place.command(initdb.with_name("postgres"), "-D", data, *options)
        with running_server(place, words, [port], stop=signal.SIGQUIT):
            _wait_until_started(initdb.with_name("pg_isready"), port)
            yield port


def _wait_until_started(pg_isready: Path, port: int) -> None:
    """Wait until the server takes clients: it listens before that, and says that it starts up."""
    ask = [str(pg_isready), "--quiet", "--host=127.0.0.1", f"--port={port}", "--timeout=1"]
    assert any(subprocess.run(ask, timeout=60).returncode == 0 for _ in range(int(PATIENCE / 0.02)))


def _postgresql_program(name: str) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        pytest.skip(f"{name} is not installed (Debian: apt install postgresql)")
    return found[-1]


@contextlib.contextmanager
def mariadb(certs: Path, *, ask: VerifyMode = VerifyMode.REQUIRED) -> Iterator[int]:
    """The port of a MariaDB server, whose user ``CLIENT`` must send a certificate.

    ``NO_CERTIFICATE_USER`` need not; neither has a password. With NONE it asks for none.
    """
    server = program("mariadbd", "mariadb-server")
    with server_place(certs, "mysql") as place:
        data, port = place.make_folder("data"), free_port()
        small = ("--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M")
        _run(
            place,
            program("mariadb-install-db", "mariadb-server"),
            *("--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"),
            *(f"--datadir={data}", "--innodb-flush-log-at-trx-commit=0", *small),
        )
        must = "REQUIRE X509" if ask is VerifyMode.REQUIRED else ""
        users = place.write(
            "users.sql",
            f"CREATE USER '{CLIENT}'@'%' {must};\nCREATE USER '{NO_CERTIFICATE_USER}'@'%';\n",
        )
        ca = [] if ask is VerifyMode.NONE else [f"--ssl-ca={place.file('ca.crt')}"]
        words = place.command(
            server,
            *("--no-defaults", f"--datadir={data}", f"--init-file={users}", *small),
            *(f"--socket={place.file('s')}", f"--pid-file={place.file('pid')}"),
            *("--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve"),
            *(f"--ssl-cert={place.file('server.crt')}", f"--ssl-key={place.file('server.key')}"),
            *ca,
        )
        with running_server(place, words, [port], stop=signal.SIGKILL):
            yield port


@contextlib.contextmanager
def slapd(certs: Path, *, ask: VerifyMode = VerifyMode.REQUIRED) -> Iterator[int]:
    """The port of an OpenLDAP server in the clear, with StartTLS; it has an empty tree."""
    server = program("slapd", "slapd")
    verify = {VerifyMode.REQUIRED: "demand", VerifyMode.OPTIONAL: "try", VerifyMode.NONE: "never"}
    with server_place(certs, "openldap") as place:
        port = free_port()
        config = place.write(
            "slapd.conf",
            f"""
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_ldif
pidfile {place.file("pid")}
TLSCACertificateFile {place.file("ca.crt")}
TLSCertificateFile {place.file("server.crt")}
TLSCertificateKeyFile {place.file("server.key")}
TLSVerifyClient {verify[ask]}
database ldif
suffix "dc=example,dc=org"
directory {place.make_folder("tree")}
""",
        )
        words = place.command(server, "-f", config, "-h", f"ldap://127.0.0.1:{port}", "-d", "0")
        with running_server(place, words, [port]):
            yield port


@contextlib.contextmanager
def postfix(certs: Path, *, ask: VerifyMode = VerifyMode.REQUIRED) -> Iterator[int]:
    """The port of a Postfix SMTP server, which needs root to start."""
    command = program("postfix", "postfix")
    if os.geteuid() != 0:
        pytest.skip("needs root, by whom Postfix is started")
    level = {
        VerifyMode.REQUIRED: "smtpd_tls_ask_ccert = yes\nsmtpd_tls_req_ccert = yes",
        VerifyMode.OPTIONAL: "smtpd_tls_ask_ccert = yes",
        VerifyMode.NONE: "",
    }[ask]
    with server_place(certs, "") as place:
        port = free_port()
        place.make_folder("queue")
        shutil.chown(place.make_folder("data"), "postfix")
        place.write(
            "main.cf",
            f"""
compatibility_level = 3.6
queue_directory = {place.file("queue")}
data_directory = {place.file("data")}
multi_instance_directories =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
alias_maps =
maillog_file = {place.file("mail.log")}
maillog_file_prefixes = {place.folder}
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {place.file("server.crt")}
smtpd_tls_key_file = {place.file("server.key")}
smtpd_tls_CAfile = {place.file("ca.crt")}
smtpd_tls_session_cache_database =
smtpd_tls_received_header = yes
{level}
""",
        )
        place.write(
            "master.cf",
            f"""
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
""",
        )
        _run(place, command, "-c", place.folder, "check")  # it makes the folders of the queue
        # "postfix start-fg" would leave it in a session of its own, out of reach.
        master = Path("/usr/lib/postfix/sbin/master")
        with running_server(place, [master, "-c", place.folder, "-d"], [port]):
            yield port


@contextlib.contextmanager
def dovecot(certs: Path, *, ask: VerifyMode = VerifyMode.REQUIRED) -> Iterator[dict[str, int]]:
    """The ports of a Dovecot server: imap, pop3, lmtp and sieve, in the clear, and imaps.

    REQUIRED: the handshake completes without a certificate, and no login does. The CN of a
    certificate that it has verified is a login (EXTERNAL).
    """
    server = program("dovecot", "dovecot-imapd")
    for package, file in (
        ("dovecot-pop3d", "pop3-login"),
        ("dovecot-lmtpd", "lmtp"),
        ("dovecot-managesieved", "managesieve-login"),
    ):
        if not Path("/usr/lib/dovecot", file).exists():
            pytest.skip(f"{file} is not installed (Debian: apt install {package})")
    user = pwd.getpwuid(os.geteuid()).pw_name
    login, internal = ("dovenull", "dovecot") if user == "root" else (user, user)
    with server_place(certs, "") as place:
        ports = {name: free_port() for name in ("imap", "imaps", "pop3", "lmtp", "sieve")}
        verify = ask is not VerifyMode.NONE
        home = place.make_folder("home")
        if user == "root":
            shutil.chown(home, internal)
        config = place.write(
            "dovecot.conf",
            f"""
base_dir = {place.file("run")}
state_dir = {place.file("state")}
log_path = {place.file("mail.log")}
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {internal}
protocols = imap pop3 lmtp sieve
listen = 127.0.0.1
ssl = required
ssl_cert = <{place.file("server.crt")}
ssl_key = <{place.file("server.key")}
ssl_ca = <{place.file("ca.crt")}
ssl_require_crl = no
ssl_verify_client_cert = {"yes" if verify else "no"}
auth_ssl_require_client_cert = {"yes" if ask is VerifyMode.REQUIRED else "no"}
auth_ssl_username_from_cert = {"yes" if verify else "no"}
ssl_cert_username_field = commonName
auth_mechanisms = plain external
auth_failure_delay = 0
first_valid_uid = 1
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={internal} gid={internal} home={home}
}}
mail_location = maildir:~/mail
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {ports["imap"]}
  }}
  inet_listener imaps {{
    port = {ports["imaps"]}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {ports["pop3"]}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  chroot =
  inet_listener sieve {{
    port = {ports["sieve"]}
  }}
}}
service lmtp {{
  chroot =
  inet_listener lmtp {{
    port = {ports["lmtp"]}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
""",
        )
        words: list[str | Path] = [server, "-F", "-c", config]
        # Asked to end, it waits for what its clients have left open.
        with running_server(place, words, list(ports.values()), stop=signal.SIGKILL):
            yield ports
