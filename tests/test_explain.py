"""``python -m lab.explain``: texts as arguments, in files and on standard input."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import validate

from lab.api import explain_error
from tests.support.doors import ROOT, environment, run
from tests.support.schemas import schema_of
from tests.support.serving import PATIENCE

LINE = "curl: (35) error:0A000418:SSL routines::tlsv1 alert unknown ca"


def piped(data: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "lab.explain", *words],
        input=data,
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        cwd=ROOT,
    )


def test_a_text_is_explained() -> None:
    done = run("lab.explain", LINE)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("1  the server sent the alert unknown_ca (48)\n")


def test_words_that_are_given_apart_are_one_text() -> None:
    assert run("lab.explain", *LINE.split()).out == run("lab.explain", LINE).out
    assert "verify code 20" in run("lab.explain", "verify", "20").out


@pytest.mark.parametrize("number", ["-12", "-110", "116", "0A000412"])
def test_a_number_is_a_text_even_with_a_sign(number: str) -> None:
    assert run("lab.explain", number).code == 0


def test_json_is_one_document() -> None:
    done = run("lab.explain", "--json", LINE)
    assert done.code == 0
    document = json.loads(done.out)
    validate(document, schema_of("explanation"))
    assert document["found"][0]["alert"] == {"number": 48, "name": "unknown_ca"}


def test_nothing_known_is_code_1() -> None:
    for words in (("all", "is", "well"), ("--json", "all is well")):
        assert run("lab.explain", *words).code == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LINE.encode(), 0),
        (f"\n\n{LINE}\n".encode(), 0),
        (LINE.encode("utf-16"), 0),
        (b"\xef\xbb\xbf" + LINE.encode(), 0),
        (b"\xff\xfe\xfd \x00\x01" + b"\xe9\n" * 10, 1),
        (b"116\n", 0),
        (b"nothing here\n" * 20_000 + LINE.encode(), 0),
    ],
)
def test_files_of_any_size_and_encoding(tmp_path: Path, data: bytes, code: int) -> None:
    file = tmp_path / "error.log"
    file.write_bytes(data)
    assert run("lab.explain", "--file", file).code == code


def test_standard_input_is_read() -> None:
    done = piped(LINE.encode(), "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == piped(LINE.encode()).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((LINE, "--file", "x"), "give a text or --file, not both"),
        (("--file", "missing.log"), "missing.log: "),
        (("--file", "."), ".: "),
        (("",), "there is no text to explain"),
        (("--jsn", "x"), "there is no option --jsn (did you mean --json?)"),
    ],
)
def test_bad_arguments_are_one_line(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = run("lab.explain", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("lab.explain: ")
    assert says in done.err
    assert done.err.count("\n") == 1


def test_an_empty_input_is_one_line() -> None:
    done = piped(b" \n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"there is no text to explain" in done.stderr


def test_the_library_explains_the_same() -> None:
    finding = explain_error(LINE).found[0]
    assert finding.alert is not None
    assert finding.alert.number == 48

    async def inside() -> int:
        return len(explain_error(LINE).found)

    assert asyncio.run(inside()) == 1


def test_an_answer_needs_no_heavy_library() -> None:
    program = (
        "import sys; from lab.explain import main; main(['--json', '116']); "
        "print([m for m in ('cryptography', 'rich', 'lab.api', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=environment(),
        cwd=ROOT,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
