"""``python -m lab.tap``: watch any client and any server, and tell why they fail."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from lab.capture.results import Address
from lab.cli.command_line import (
    CANNOT,
    CommandLine,
    CommandLineBefore,
    Ended,
    Example,
    complete,
    count,
    output,
    refuse,
    refuse_os_error,
    run,
    seconds,
)
from lab.cli.picture_files import PictureFiles, SameFileError, picture_files
from lab.cli.picture_options import add_page
from lab.cli.route_options import add_proxies, named_route
from lab.cli.tls_options import add_pcapng
from lab.http.limits import Limits
from lab.show.documents.trace_json import document
from lab.show.text.captures.capture_table import is_refused_or_failed
from lab.show.text.captures.flow_text import on_one_line_of_a_log
from lab.show.text.paper import Paper
from lab.show.text.trace_text import print_trace
from lab.tracing.packet_file import PacketFile
from lab.tracing.results import Trace
from lab.tracing.tap.tap_command import Destination, NoCommand, private_key_log, run_command
from lab.tracing.tap.tap_key_log import KeyLogFollower
from lab.tracing.tap.tap_listener import MOST_CONNECTIONS, CannotTap, Tap, TapSettings
from lab.tracing.target import LOOPBACK, Target, TargetError, parse_target

DOOR = "lab.tap"
# How many connections are told of behind the end of a command, and not while it has the terminal.
_MOST_HELD = 100
# What a GIL's holder may keep others waiting: relaying shares the interpreter with decoding.
_SWITCH_INTERVAL = 0.0001
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")

NOTES = (
    "The tap passes bytes on as they are, both ways, and both ends' FIN and RST. Each connection "
    "is told of when it has ended: one line, or with --picture the messages, the outcome and the "
    "causes as lab.trace shows them. Without secrets, what is encrypted stays so, and the outcome "
    "is inferred, with its ground.",
    "With -- COMMAND the tap is for that command: it replaces {port} (the tap's), {url} "
    "(https://localhost:{port}) and {keylog} in its words, passes signals on, and ends with its "
    "exit code. What the tap has to say goes to stderr, as stdout is the command's; by default it "
    "is the pictures, when the command has ended.",
    "The secrets of the command: SSLKEYLOGFILE, Node's --tls-keylog and {keylog} name a file of "
    "the tap's. Seen to write them there: curl, wget, gnutls-cli, Node, and Python where it uses "
    "ssl.create_default_context (urllib, requests, httpx and aiohttp do, unless told not to verify "
    "the server). openssl s_client does with -keylogfile {keylog}; Java needs an agent that does.",
    "--connect-as NAME is for clients that must speak to a name. The tap is then an HTTP proxy for "
    "NAME, and HTTPS_PROXY says so to the command; {url} is https://NAME with the target's port. "
    "SNI and Host are right then. Seen to heed the proxy: curl, wget, Java "
    "(by JAVA_TOOL_OPTIONS), and of Python urllib, requests, httpx, and aiohttp with trust_env. "
    "Node 20, openssl s_client and gnutls-cli do not: they connect past the tap, or find no NAME.",
    "Without a proxy:\n"
    "  curl --connect-to NAME:443:127.0.0.1:{port} https://NAME/\n"
    "  openssl s_client -connect 127.0.0.1:{port} -servername NAME",
    "The tap listens on 127.0.0.1 unless LISTEN names another address. What passes it, and the "
    "secrets of a key log, are secret: it writes neither to a disk, save to --pcapng, --html and "
    "--keylog, and the key log of a command, mode 0600, gone at its end.",
    "exit code:\n"
    "  0  stopped by Ctrl+C or SIGTERM\n"
    "  2  could not start, or write what it was asked to, and one line says why\n"
    "  With -- COMMAND: that of the command.",
)
EXAMPLES = (
    Example(does="between any client and a server", arguments="8000 api.example.org:443"),
    Example(
        does="with the secrets that a client or a server writes, for Wireshark too",
        arguments="8000 :8443 --picture --keylog keys.log --pcapng seen.pcapng",
    ),
    Example(
        does="a command, which speaks to the right name",
        arguments="0 127.0.0.1:8443 --connect-as api.test -- curl -k {url}/",
    ),
)


def parser(prog: str = "python -m lab.tap") -> CommandLine:
    """Return the command line."""
    command_line = CommandLineBefore(
        door=DOOR,
        prog=prog,
        operands="LISTEN TARGET [-- COMMAND ...]",
        description="Relay between any TLS client and any server, and tell of each connection how "
        "it ended, and why.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    add = command_line.add_argument
    add(
        "listen",
        type=_listen,
        metavar="LISTEN",
        help="PORT or :PORT (of 127.0.0.1), or HOST:PORT; port 0 takes any free one, which the "
        "first line names",
    )
    add("target", metavar="TARGET", help="the server: HOST:PORT, or :PORT (of 127.0.0.1)")
    form = command_line.add_mutually_exclusive_group()
    form.add_argument("--picture", action="store_true", help="draw each connection")
    form.add_argument(
        "--json",
        action="store_true",
        help='an object a line: an entry of "traces" in lab/show/documents/trace.schema.json',
    )
    add(
        "--failed", action="store_true", help="tell only of connections that were refused or failed"
    )
    add(
        "--keylog",
        type=Path,
        metavar="FILE",
        help="the TLS secrets, in the format of SSLKEYLOGFILE, as a client or a server writes them "
        "to FILE meanwhile; with -- COMMAND, add those of the command to FILE",
    )
    add_pcapng(command_line, "all connections")
    add_page(command_line, "the connections, when the tap ends,")
    add_proxies(command_line, "which names the client to the server")
    add(
        "--connect-as",
        type=_host_name,
        metavar="NAME",
        help="be an HTTP proxy for NAME too, see below",
    )
    _add_limits(command_line)
    return command_line


def _add_limits(command_line: CommandLine) -> None:
    add, limits = command_line.add_argument, Limits()
    add(
        "--max-connections",
        type=count,
        default=MOST_CONNECTIONS,
        metavar="N",
        help="connections at a time; beyond: a reset (default: %(default)d)",
    )
    add(
        "--shutdown-timeout",
        type=seconds,
        default=limits.shutdown_timeout,
        metavar="S",
        help="seconds for connections in flight when the tap ends; then: a reset (default: "
        "%(default)g)",
    )


def _listen(text: str) -> Target:
    host, separator, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no PORT, :PORT or HOST:PORT to listen on")
    if separator and ":" in host and not text.startswith("["):
        raise argparse.ArgumentTypeError(f"{text!r}: write an IPv6 address as [ADDRESS]:PORT")
    return Target(host=host or LOOPBACK, port=int(port))


def _host_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no host name")
    return text


@dataclass(slots=True, kw_only=True)
class _Printing:
    """Prints what the tap tells; ``held`` keeps connections back until the command has ended.

    Used by the tap's thread, and by the loop's once that rests.
    """

    file: TextIO
    json: bool
    picture: bool
    failed: bool
    pictures: PictureFiles
    held: list[Trace] | None = field(default=None)
    is_stuck: bool = False

    def trace(self, trace: Trace) -> None:
        """Tell of a connection. Raises OutputError."""
        if self.failed and not is_refused_or_failed(trace):
            return
        self.pictures.take(trace)
        if self.held is None:
            self._print(trace)
            return
        self.held.append(trace)
        if len(self.held) > _MOST_HELD:
            self.release()

    def release(self) -> None:
        """Tell of those that were held back, and hold back nothing from here on."""
        held, self.held = self.held, None
        for trace in held or ():
            self._print(trace)

    def _print(self, trace: Trace) -> None:
        with output(self.file) as file:
            if self.json:
                (entry,) = _entries(document([trace]))
                print(json.dumps(entry), file=file)
            elif self.picture:
                print_trace(trace, file)
            else:
                assert trace.flow is not None
                line = on_one_line_of_a_log(trace, trace.flow)
                print(Paper(encoding=file.encoding or "utf-8").writable(line), file=file)

    def write_pictures(self, target: Target) -> None:
        """Write the page, if one is asked for. Raises OSError."""
        if self.is_stuck:
            return
        title = f"TLS connections through the tap to {target.authority}"
        self.pictures.write_all(title, self.pictures.summary)

    def leave_if_stuck(self) -> None:
        """End the process at once if nobody reads the output: Python would wait for the reader."""
        if self.is_stuck:
            os._exit(CANNOT)

    def notice(self, line: str) -> None:
        """Say what is no connection."""
        with contextlib.suppress(OSError):
            print(f"{DOOR}: {line}", file=sys.stderr, flush=True)


def _entries(traces: dict[str, object]) -> Sequence[object]:
    entries = traces["traces"]
    assert isinstance(entries, list)
    return entries


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.tap") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        return _tap(options)
    except (TargetError, CannotTap, NoCommand, SameFileError) as error:
        return refuse(DOOR, str(error))
    except OSError as error:  # of a file
        return refuse_os_error(DOOR, error)
    except (KeyboardInterrupt, Ended):
        return 0
    finally:
        sys.setswitchinterval(interval)


def _tap(options: argparse.Namespace) -> int:
    command: Sequence[str] = options.command
    codes: list[int] = []
    with contextlib.ExitStack() as stack:
        behind_all = stack.enter_context(contextlib.ExitStack())
        pictures = stack.enter_context(picture_files(options))
        printing = _Printing(
            file=sys.stderr if command or _is_stdout(options.pcapng) else sys.stdout,
            json=options.json,
            picture=options.picture or (bool(command) and not options.json),
            failed=options.failed,
            pictures=pictures,
            held=[] if command else None,
        )
        behind_all.callback(printing.leave_if_stuck)
        key_log = options.keylog
        if command:
            key_log = stack.enter_context(private_key_log(options.keylog))
        packets = None
        if options.pcapng is not None:
            packets = stack.enter_context(PacketFile(options.pcapng))
        follower = None
        if key_log is not None:
            follower = KeyLogFollower(key_log)
            stack.callback(follower.close)
        settings = TapSettings(
            listen=options.listen,
            target=parse_target(options.target),
            route=named_route(options),
            key_log=follower,
            packets=packets,
            proxy_name=options.connect_as or "",
            max_connections=options.max_connections,
            keep_records=pictures.keep_records,
        )
        work = _run(settings, printing, command, key_log, options.shutdown_timeout, codes)
        try:
            complete(work)
        except (KeyboardInterrupt, Ended):
            if not codes:
                raise
        finally:
            printing.write_pictures(settings.target)
    return codes[0] if codes else 0


def _is_stdout(path: Path | None) -> bool:
    """Tell whether a capture goes into the pipe that is stdout: then no line may go there."""
    try:
        status = os.fstat(sys.stdout.fileno())
        return (
            path is not None
            and stat.S_ISFIFO(status.st_mode)
            and os.path.samestat(path.stat(), status)
        )
    except (OSError, ValueError):
        return False


async def _run(
    settings: TapSettings,
    printing: _Printing,
    command: Sequence[str],
    key_log: Path | None,
    grace: float,
    codes: list[int],
) -> None:
    """Run the tap; the exit code of the command goes into ``codes``, also where this is cancelled.

    That happens where a signal comes while connections that the command has left are still open.
    """
    tap = Tap(settings, printing.trace, printing.notice)
    address = await tap.open()
    try:
        if command and key_log is not None:
            codes.append(await _run_command(settings, address, command, key_log))
        else:
            printing.notice(
                f"relaying {address.authority} to {settings.target.authority}; Ctrl+C stops it"
            )
            await tap.failed.wait()
    finally:
        await tap.close(grace)
        printing.is_stuck = tap.is_stuck
        if tap.failure is not None:
            raise tap.failure
        if not tap.is_stuck:
            printing.release()


async def _run_command(
    settings: TapSettings, address: Address, command: Sequence[str], key_log: Path
) -> int:
    name, port = settings.proxy_name, settings.target.port
    destination = Destination(tap=address, name=name, port=port, key_log=key_log)
    return await run_command(destination.fill_in(command), destination.environment(os.environ))


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
