"""``lab.probe --client`` as its users run it: what goes with it, what it prints, its exit codes."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest

from lab.cli.probing.client_probe import misfit_of_client
from lab.probe import main, parser
from tests.support.doors import CompletedRun, run
from tests.support.schemas import schema_of

CURL = ("--", "curl", "--silent", "--show-error", "--cacert", "{ca}", "{url}")


def probe(*words: str | Path) -> CompletedRun:
    return run("lab.probe", "--client", *words)


def called(capsys: pytest.CaptureFixture[str], *words: str) -> CompletedRun:
    """Call the door here, in any extent of the tests: a process takes half a second to start."""
    try:
        code = main(words)
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        code = ended.code
    out, err = capsys.readouterr()
    return CompletedRun(code, out, err)


def test_a_right_client_passes_and_reports_are_written(tmp_path: Path) -> None:
    files = ("--json", tmp_path / "client.json", "--junit", tmp_path / "client.xml")
    done = probe("--only", "expired,wrong-name", *files, *CURL)
    assert (done.code, done.err) == (0, "")
    assert done.out.rstrip().endswith(": all is as it should be; 2 bad servers were refused.")
    found = json.loads((tmp_path / "client.json").read_text("utf-8"))
    jsonschema.validate(found, schema_of("client_probe"))
    assert found["passed"] is True
    assert [each["server"] for each in found["findings"]] == ["good", "expired", "wrong-name"]
    suite = ET.parse(tmp_path / "client.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "0")


def test_a_wrong_client_fails() -> None:
    done = probe("--only", "expired", "--json", "-", "--", "curl", "--silent", "-k", "{url}")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["passed"] is False
    assert found["mistakes"][0]["code"] == "dates-not-checked"


def test_a_client_that_refuses_the_good_server_fails(capsys: pytest.CaptureFixture[str]) -> None:
    done = called(capsys, "--client", "--", "curl", "--silent", "{url}")
    assert done.code == 1
    assert "✗ good" in done.out
    assert "Let it trust {ca}" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--", "true"), "nothing can be told of this client: the command did not connect: name "),
        (("--", "no-such-program"), "no-such-program: No such file or directory; name a command"),
        (("--timeout", "0.2", "--", "sleep", "9"), "did not end within 0."),
        (("--", "sh", "-c", 'curl -s --cacert "$LAB_CA" "$LAB_URL"; exit 5'), "contradictory: its"),
        (("--", "sh", "-c", r"printf '\033[31m'; exit 4"), r"exit code 4; it said: \x1b[31m"),
        (("--only", "expird", *CURL), "no server 'expird' for --client; did you mean expired?"),
        (("--explain", "nothing-like-it"), "there is no server 'nothing-like-it' for --client"),
        ((), "--client needs a command: add -- COMMAND, such as -- curl --cacert {ca} {url}"),
        (("--",), "no command behind --"),
        (("localhost:1", *CURL), "takes no HOST:PORT: leave localhost:1 out"),
        (("--crl", "x.pem", *CURL), "--crl is not for --client"),
        (("--html", "x.html", *CURL), "--html is not for --client"),
        (("--after", "none", *CURL), "--after is not for --client"),
        (("--starttls", "smtp", *CURL), "--starttls is not for --client"),
        (("--sessions", *CURL), "--sessions is not for --client"),
        (("--repeat", "2", *CURL), "--repeat is not for --client"),
        (("--timeout", "0", *CURL), "'0' is no number of seconds"),
        (("--junit", "/no/such/folder/x", *CURL), "no such directory; nothing was tried"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: Sequence[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = called(capsys, "--client", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert done.err.startswith("lab.probe: ")
    assert line in done.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--list", *CURL), "a command behind -- needs --client"),
        (("--list", "--timeout", "3"), "--timeout needs --client"),
    ],
)
def test_what_goes_with_client_only(
    words: Sequence[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = called(capsys, *words)
    assert (done.code, done.out, done.err) == (2, "", f"lab.probe: {line}\n")


def test_windows_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    options = parser().read(["--client", *CURL])
    assert misfit_of_client(options) == ""
    monkeypatch.setattr(sys, "platform", "win32")
    assert "--client does not run on Windows" in misfit_of_client(options)


def test_the_list_and_one_server_explained(capsys: pytest.CaptureFixture[str]) -> None:
    done = called(capsys, "--client", "--list")
    assert done.code == 0
    assert len(done.out.splitlines()) > 40
    done = called(capsys, "--client", "--explain", "wrong-name")
    assert (done.code, done.err) == (0, "")
    assert "a client    should refuse it" in done.out
    done = probe("--explain", "wrong-name", "--tls1.3", *CURL)
    assert done.code == 0
    for part in (
        "ClientHello",
        "certificate of the client: ",
        "── The client ──",
        "exit code   60",
    ):
        assert part in done.out
    assert "Diagnosis" not in done.out


def test_both_versions_by_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    done = called(capsys, "--client", "--tls1.2", "--tls1.3", "--only", "expired", *CURL)
    assert done.code == 0
    rows = done.out.partition("\n\n")[0].splitlines()[1:]
    assert [row.split()[1:3] for row in rows] == [
        ["good", "1.2"],
        ["good", "1.3"],
        ["expired", "1.2"],
        ["expired", "1.3"],
    ]


def test_the_help_tells_what_the_placeholders_are(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(called(capsys, "--help").out.split())
    for part in ("{cert} and {key} for a good client's", "LAB_URL", "does not run on Windows"):
        assert part in words
