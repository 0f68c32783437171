"""``python -m lab.explain``: what an error text means, who speaks, and what can be behind it.

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
from lab.diagnosis.error_texts.explain_text import TextExplainer, explain_text
from lab.diagnosis.error_texts.results import ErrorExplanation

DOOR = "lab.explain"
_PART = 1 << 16

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
    "exit code:\n"
    "  0  something was found\n"
    "  1  nothing that is known was found\n"
    "  2  it could not be read, and one line says why: arguments, files",
)
EXAMPLES = (
    Example(
        does="a line of a log",
        arguments="'remote error: tls: bad certificate'",
    ),
    Example(does="a number, in every count that has it", arguments="20"),
    Example(does="a page of a log", arguments="--file error.log"),
    Example(does="what a command says", arguments="- < error.log"),
)


def parser(prog: str = "python -m lab.explain") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[TEXT ...]",
        description="Explain the error texts of TLS programs: who speaks, what it says, what can "
        "be behind it, how to tell which, and which scenario of the lab shows it.",
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
        help="print one JSON document, as lab/show/documents/explanation.schema.json describes it",
    )
    return command_line


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.explain") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    if options.text and options.file is not None:
        return refuse(DOOR, "give a text or --file, not both")
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
