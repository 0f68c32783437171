"""``python -m lab.explain``: what an error text means, or what a server asks of clients.

Heavy modules are imported where they are needed: an answer is to come at once.
"""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lab.cli.command_line import CommandLine, Example, output, refuse, refuse_os_error, run, say
from lab.cli.route_options import ROUTE_OPTIONS, add_route
from lab.cli.tls_options import ADDRESS_HELP, add_password_file, add_timeout, add_versions
from lab.diagnosis.error_texts.explain_text import TextExplainer, explain_text
from lab.diagnosis.error_texts.results import ErrorExplanation

DOOR = "lab.explain"
_PART = 1 << 16
_OF_REQUEST = {
    "cert": "--cert",
    "key": "--key",
    "password_file": "--password-file",
    "versions": "--tls1.2 or --tls1.3",
    "sni": "--sni",
    "keylog": "--keylog",
    **ROUTE_OPTIONS,
}

NOTES = (
    "TEXT is one line or a page of a log, from any program: OpenSSL and what stands on it (Python, "
    "curl, Node, nginx, Apache, HAProxy, databases), GnuTLS, NSS, browsers, Go, Java, rustls, "
    ".NET, Schannel, BoringSSL, Envoy. Also the name or number of an alert (116, unknown_ca), an "
    "error code (0A000412, 0x80090327, -12), verify 20, curl 35. Words that are given apart are "
    "one text.",
    "Each error is told once: who speaks, which alert, received or made there, when, and all that "
    "can be behind it, the likeliest first, with what tells them apart. An alert alone has never "
    "one cause. What is not known is listed with the known texts nearest to it, which is no "
    "finding.",
    "--request tells what a server asks of clients: which CAs it names, which keys and signatures "
    "it takes. A server is connected to without a certificate, once in each version, with a GET of "
    "the path of the URL; its own certificate is not verified. Or the requests are read out of a "
    "capture, or of the JSON of lab.trace. With --cert, each kind of client is told with what it "
    "would do: send which certificate, send an empty Certificate, or break off; by which rule; and "
    "whether that was measured, or who says so.",
    "exit code:\n"
    "  0  something was found; with --request: it is told\n"
    "  1  nothing that is known was found\n"
    "  2  it could not be read, or cannot be told, and one line says why: arguments, files,\n"
    "     no connection, no TLS",
)
EXAMPLES = (
    Example(
        does="a line of a log",
        arguments="'remote error: tls: bad certificate'",
    ),
    Example(does="a number, in every count that has it", arguments="20"),
    Example(does="a page of a log", arguments="--file error.log"),
    Example(does="what a command says", arguments="- < error.log"),
    Example(
        does="which clients would send this certificate to a server",
        arguments="--request example.org:443 --cert client.crt",
    ),
)


def parser(prog: str = "python -m lab.explain") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[TEXT ...]",
        description="Explain the error texts of TLS programs: who speaks, what it says, what can "
        "be behind it, how to tell which, and which scenario of the lab shows it. Or, with "
        "--request, what a server asks of clients, and which certificate they would send.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    add = command_line.add_argument
    add(
        "text",
        nargs="*",
        metavar="TEXT",
        help="the text, or - for standard input (default: standard input, unless that is a "
        "terminal)",
    )
    add("--file", type=Path, metavar="FILE", help="a file with the text, of any size")
    add(
        "--json",
        action="store_true",
        help="print one JSON document, as lab/show/documents/explanation.schema.json describes it; "
        "with --request, request.schema.json",
    )
    _add_request(command_line)
    return command_line


def _add_request(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--request",
        metavar="HOST:PORT|FILE",
        help=f"explain a certificate request: {ADDRESS_HELP}; or a file, a capture or what "
        "lab.trace --json wrote",
    )
    add(
        "--cert",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a certificate at hand, with its chain: PEM, DER, PKCS#7 or PKCS#12; for several, in "
        "the order in which a client has them",
    )
    add(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a private key, where it must be told by it which certificate of a file is the "
        "client's own; not needed otherwise",
    )
    add_password_file(command_line, "--password-file", "PKCS#12 files")
    add_versions(command_line, "both versions")
    add(
        "--sni",
        "--servername",
        metavar="NAME",
        help="the host name to ask the server for (default: HOST)",
    )
    add(
        "--keylog",
        type=Path,
        metavar="FILE",
        help="the secrets of a capture (default: the file of the same name beside it)",
    )
    add_route(command_line)
    add_timeout(command_line, "connect, handshake, answer")


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.explain") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    if options.text and options.file is not None:
        return refuse(DOOR, "give a text or --file, not both")
    if options.request is not None:
        if options.text or options.file is not None:
            return refuse(DOOR, "give a text to explain or --request, not both")
        from lab.cli.request_explanation import explain_request_named

        return explain_request_named(DOOR, options)
    if misplaced := next((name for name in _OF_REQUEST if vars(options)[name]), ""):
        return refuse(DOOR, f"{_OF_REQUEST[misplaced]} goes with --request; name a server or file")
    try:
        explanation = _explanation(options)
    except OSError as error:
        return refuse_os_error(DOOR, error)
    except KeyboardInterrupt:
        return 130
    if explanation is None:
        return refuse(DOOR, f"there is no text to explain; see {prog} --help")
    if options.json:
        _say_document(explanation)
    else:
        from lab.show.explanation_text import print_explanation

        with output() as file:
            print_explanation(explanation, file)
    return 0 if explanation.found else 1


def _say_document(explanation: ErrorExplanation) -> None:
    import json

    from lab.show.documents.explanation_json import explanation_document

    say([json.dumps(explanation_document(explanation), indent=2)])


def _explanation(options: argparse.Namespace) -> ErrorExplanation | None:
    """Return the explanation of what the arguments name; None: nothing. Raises OSError."""
    if options.file is not None:
        with options.file.open("rb") as file:
            return _of_parts(file)
    if options.text and options.text != ["-"]:
        text = " ".join(options.text)
        return explain_text(text) if text.strip() else None
    if not options.text and sys.stdin.isatty():
        return None
    return _of_parts(sys.stdin.buffer)


def _of_parts(file: BinaryIO) -> ErrorExplanation | None:
    """Explain a file of any size; a short one may be a number or a name. Raises OSError."""
    explainer, begin = TextExplainer(), ""
    for part in _text_parts(file):
        if len(begin) <= _PART:
            begin += part
        explainer.feed(part)
    if not begin.strip():
        return None
    return explainer.end() if len(begin) > _PART else explain_text(begin)


def _text_parts(file: BinaryIO) -> Iterator[str]:
    """Yield the text of a file, in UTF-8 unless it begins with the mark of UTF-16."""
    part = file.read(_PART)
    is_utf16 = part.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if is_utf16 else "utf-8-sig")("replace")
    while part:
        yield decoder.decode(part)
        part = file.read(_PART)
    yield decoder.decode(b"", final=True)


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
