"""``python -m lab.server``: the TODO service over mutual TLS, with every handshake in its log."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import ssl
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab.door import refuse, run
from lab.pki.errors import PkiError
from lab.pki.files import DEFAULT_DIRECTORY, Role, load_role
from lab.pki.writing import ensure_set
from lab.service import journal
from lab.service.access import Policy
from lab.service.allow_list import AllowList, NotAName
from lab.service.stopping import stop_signals
from lab.service.todo_server import TodoServer
from lab.show.log import JsonFormatter, TextFormatter
from lab.show.stages import StageLog
from lab.stream.allowance import Allowance
from lab.stream.contexts import ClientAuth, IdentityFiles, ServerTls, TlsVersion
from lab.stream.wire import address_text

DOOR = "lab.server"
_ASKS = {
    ClientAuth.REQUIRED: "Requiring client cert signed by: {ca}",
    ClientAuth.OPTIONAL: "Accepting clients without a cert; verifying those with one by: {ca}",
    ClientAuth.NONE: "Asking for no client cert: this is not mutual TLS",
}


def port_number(text: str) -> int:
    """A TCP port; 0 means any free one."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def per_cent(text: str) -> float:
    """A number of per cent from 0 to 100, as a share from 0 to 1."""
    share = float(text) / 100
    if not 0 <= share <= 1:
        raise ValueError
    return share


def parser() -> argparse.ArgumentParser:
    """The command line. The environment gives the defaults of host and port."""
    made = argparse.ArgumentParser(
        prog="python -m lab.server",
        description="Serve GET /todo and POST /todo over mutual TLS.",
        epilog="Environment: MTLS_SERVER_HOST and MTLS_SERVER_PORT stand in for --host and "
        "--port. Exit code: 0 stopped by Ctrl+C or SIGTERM; 2 could not start.",
        allow_abbrev=False,
    )
    made.add_argument("--host", default=os.environ.get("MTLS_SERVER_HOST") or "127.0.0.1")
    made.add_argument(
        "--port",
        # A default that is text goes through ``type`` as an argument does.
        default=os.environ.get("MTLS_SERVER_PORT") or "8443",
        type=port_number,
        help="0 takes a free one (default: 8443)",
    )
    made.add_argument(
        "--certs",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help="ca.crt, server.crt and server.key; made if there are none (default: %(default)s)",
    )
    made.add_argument(
        "--client-auth",
        choices=[each.value for each in ClientAuth],
        default=ClientAuth.REQUIRED.value,
        help="what to make of client certificates (default: %(default)s)",
    )
    made.add_argument(
        "--allow-cn",
        action="append",
        default=[],
        metavar="NAME",
        help="serve only clients with this commonName, or another allowed name; may be repeated",
    )
    made.add_argument(
        "--allow-san",
        action="append",
        default=[],
        metavar="TYPE:NAME",
        help="the same by subjectAltName: DNS:HOST, URI:URI (SPIFFE IDs too) or email:ADDRESS",
    )
    versions = [each.value for each in TlsVersion]
    made.add_argument("--min-tls", choices=versions, default="1.2", help="default: %(default)s")
    made.add_argument("--max-tls", choices=versions, default="1.3", help="default: %(default)s")
    made.add_argument("--log-format", choices=["text", "json"], default="text")
    made.add_argument("-v", "--verbose", action="store_true", help="a line for each TLS message")
    made.add_argument(
        "--decode-share",
        type=per_cent,
        default="0.3",
        metavar="PERCENT",
        help="of the time, at most, for decoding accepted handshakes for the log; refused ones, "
        "and with -v all, are always decoded (default: %(default)s)",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until asked to stop; returns the exit code."""
    try:
        port_number(os.environ.get("MTLS_SERVER_PORT") or "8443")
    except ValueError:
        return refuse(DOOR, "MTLS_SERVER_PORT is no port; set it to a number from 0 to 65535")
    options = parser().parse_args(argv)
    if not options.host:
        return refuse(DOOR, "--host is empty; name an address, 0.0.0.0 for all of IPv4")
    _log_to_stderr(options.log_format, verbose=options.verbose)
    if options.min_tls > options.max_tls:
        return refuse(DOOR, f"--min-tls {options.min_tls} is above --max-tls {options.max_tls}")
    try:
        policy = _policy(options)
        tls = _server_tls(options)
        server = TodoServer(
            tls,
            sink=lambda peer: StageLog(peer, journal.LOGGER),
            policy=policy,
            allowance=None if options.verbose else Allowance(options.decode_share),
        )
    except NotAName as error:
        return refuse(DOOR, str(error))
    except PkiError as error:
        return refuse(DOOR, str(error))
    except (ssl.SSLError, OSError) as error:
        return refuse(
            DOOR,
            f"OpenSSL cannot use the certificates in {options.certs}: {error}; "
            f"python -m lab.certs --dir {options.certs} --force makes new ones",
        )
    try:
        asyncio.run(_serve(server, options, tls))
    except OSError as error:
        return refuse(DOOR, _cannot_listen(error, options.host, options.port))
    except KeyboardInterrupt:  # before the handlers were in place
        return 130
    return 0


def _log_to_stderr(log_format: str, *, verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter("SERVER"))
    # What no line of ours shows need not be looked up for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # The root, so that what asyncio has to say comes in the same form.
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    journal.LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)


def _policy(options: argparse.Namespace) -> Policy | None:
    if not options.allow_cn and not options.allow_san:
        return None
    if options.client_auth == ClientAuth.NONE.value:
        raise NotAName(
            "--allow-cn and --allow-san need client certificates; leave out --client-auth none"
        )
    return AllowList.of(common_names=options.allow_cn, alternative_names=options.allow_san)


def _server_tls(options: argparse.Namespace) -> ServerTls:
    now = datetime.now(timezone.utc)
    if ensure_set(options.certs, now=now):
        _say(f"No certificates in {options.certs}: made a new CA, server and client there")
    files = load_role(options.certs, Role.SERVER, now=now)
    return ServerTls(
        identity=IdentityFiles(certificate=files.certificate_path, key=files.key_path),
        client_ca=files.ca_path,
        client_auth=ClientAuth(options.client_auth),
        minimum=TlsVersion(options.min_tls),
        maximum=TlsVersion(options.max_tls),
    )


async def _serve(server: TodoServer, options: argparse.Namespace, tls: ServerTls) -> None:
    host, port = await server.open(options.host, options.port)
    with stop_signals() as stop:
        _say(f"mTLS server listening on https://{address_text(host, port)}")
        _say(_ASKS[tls.client_auth].format(ca=tls.client_ca.name))
        _say("Press Ctrl+C to stop.")
        await stop.wait()
        _say("Stopping: no new connections; finishing what is in flight ...")
        await server.close()
        _say("Stopped.")


def _say(message: str) -> None:
    journal.LOGGER.info(message)


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    address = address_text(host, port)
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; stop what listens there, or choose another --port"
    if error.errno == errno.EACCES:
        return f"no permission to listen on {address}; choose a --port above 1023"
    return f"cannot listen on {address}: {error.strerror or error}; choose another --host"


if __name__ == "__main__":
    raise SystemExit(run(main))
