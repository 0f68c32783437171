"""``python -m lab.probe`` as its users run it: what it prints, and its exit codes."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lab.pki.files.identity_files import load_identity
from lab.probe import main
from lab.probing.resumption.session_scenarios import SESSION_SCENARIOS
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.probing.scenarios.trends import NAMED_SCENARIOS
from lab.show.documents.probe_documents import SCHEMA_VERSION
from lab.show.html.probe_page import MOST_OCTETS
from lab.stream.contexts import TlsVersion
from tests.support.application_servers import redis
from tests.support.doors import (
    PATIENCE,
    CompletedRun,
    environment,
    run,
    served,
)
from tests.support.peers import (
    MAKES,
    VerifyMode,
    free_port,
    served_by,
)
from tests.support.schemas import schema_of
from tests.support.session_servers import (
    HERE,
    TRUSTS_ANOTHER,
    haproxy_by_name,
    write_authorities,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[CompletedRun, Path]:
    """The whole probe of the lab's own server, once, in an empty folder."""
    folder = tmp_path_factory.mktemp("probe")
    files = ("--json", "probe.json", "--junit", "probe.xml", "--html", "probe.html")
    done = run("lab.probe", *files, cwd=folder)
    return done, folder


def away(certs: Path, port: int, *words: str | Path) -> CompletedRun:
    ca = ("--ca-cert", certs / "ca.crt", "--ca-key", certs / "ca.key")
    return run("lab.probe", f"127.0.0.1:{port}", *ca, *words)


def test_the_labs_own_server_does_all_that_is_expected(whole: tuple[CompletedRun, Path]) -> None:
    done, _ = whole
    assert (done.code, done.err) == (0, ""), done.out
    assert "── What this server does ──" in done.out
    assert f"\n{len(SCENARIOS)} scenarios, " in done.out
    assert done.out.rstrip().endswith(": all is as it should be.")
    assert "\x1b" not in done.out


def test_the_table_has_every_scenario_in_both_versions(whole: tuple[CompletedRun, Path]) -> None:
    header, *table = whole[0].out.split("\n\n")[0].splitlines()
    assert header.split() == ["TLS", "client", "by", "call", "verdict"]
    assert table[::3] == [scenario.name for scenario in SCENARIOS]
    assert [re.split(r"  +", row.strip()) for row in table[1:3]] == [
        ["1.2", "refused", "handshake_failure (40)", "failed", "as it should be"],
        ["1.3", "refused", "certificate_required (116)", "returned", "as it should be"],
    ]
    assert max(map(len, whole[0].out.splitlines())) <= 80


def test_the_document(whole: tuple[CompletedRun, Path]) -> None:
    found: dict[str, Any] = json.loads((whole[1] / "probe.json").read_text("utf-8"))
    jsonschema.validate(found, schema_of("probe"))
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["passed"] is True
    assert found["connections"] >= 2 * len(SCENARIOS)
    assert all(0 < finding["seconds"] < found["seconds"] for finding in found["findings"])
    keys = {(finding["scenario"], finding["version"]) for finding in found["findings"]}
    assert len(keys) == len(found["findings"]) == 2 * len(SCENARIOS)
    one = next(finding for finding in found["findings"] if finding["scenario"] == "expired")
    assert one["verdict"] == "as it should be"
    assert one["alert"] == {"number": 45, "name": "certificate_expired"}
    assert (one["admitted"], one["client_handshake_returned"]) == (False, False)
    assert {insight["code"] for insight in found["insights"]} == {
        "client-certificate",
        "ca-names",
        "chain",
        "reset",
    }
    assert all(insight["evidence"] for insight in found["insights"])


def test_junit(whole: tuple[CompletedRun, Path]) -> None:
    suite = ET.parse(whole[1] / "probe.xml").getroot()
    assert suite.tag == "testsuite"
    assert (suite.get("tests"), suite.get("failures")) == (str(2 * len(SCENARIOS)), "0")
    assert len(suite.findall("testcase")) == 2 * len(SCENARIOS)
    assert "both are refused by" in (suite.findtext("system-out") or "")


def test_the_page_keeps_to_its_size(whole: tuple[CompletedRun, Path]) -> None:
    path = whole[1] / "probe.html"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size <= MOST_OCTETS
    page = path.read_text("utf-8")
    assert page.count("<tr class=") == 3 * len(SCENARIOS)
    assert "its handshake is left out" not in page
    assert page.count("<template") >= 3


def test_a_page_that_cannot_be_written_ends_before_anything_is_tried(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "probe.html"
    for words in (("--html", missing), ("--explain", "expired", "--html", tmp_path)):
        done = run("lab.probe", *words, cwd=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"lab.probe: {words[-1]}: ")
        assert done.err.count("\n") == 1
    same = tmp_path / "same"
    done = run("lab.probe", "--json", same, "--html", same, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "--html and --json are one file" in done.err
    assert not list(tmp_path.iterdir())


def test_a_page_of_one_scenario_beside_its_text(tmp_path: Path) -> None:
    words = ("--explain", "expired", "--tls1.3", "--html", "page.html")
    done = run("lab.probe", *words, cwd=tmp_path)
    assert done.code == 0
    assert "── Cause and fix ──" in done.out
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "python -m lab.probe --tls1.3 --explain expired</code>" in page
    assert "ALERT fatal certificate_expired (45)" in page


def test_a_page_beside_json_on_stdout(certs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with served_by(MAKES["nginx"], certs, tmp_path) as port:
        words = ("--only", "good", "--tls1.2", "--json", "-", "--html", page)
        done = away(certs, port, *words)
    assert json.loads(done.out)["findings"][0]["scenario"] == "good"
    again = f"python -m lab.probe 127.0.0.1:{port} --ca-cert {certs / 'ca.crt'} "
    assert f"{again}--ca-key {certs / 'ca.key'} --tls1.2 --explain good" in page.read_text("utf-8")


def test_nothing_is_left_behind(whole: tuple[CompletedRun, Path]) -> None:
    names = ["probe.html", "probe.json", "probe.xml"]
    assert sorted(path.name for path in whole[1].iterdir()) == names


def test_the_list(tmp_path: Path) -> None:
    done = run("lab.probe", "--list", cwd=tmp_path)
    assert done.code == 0
    lines = done.out.splitlines()[1:]
    assert len(SCENARIOS) >= 45
    for line, scenario in zip(
        lines, (*SCENARIOS, *NAMED_SCENARIOS, *SESSION_SCENARIOS), strict=True
    ):
        assert line.startswith(f"{scenario.name} ")
        assert line.endswith(scenario.sentence)


def test_one_scenario_is_explained_in_both_versions(tmp_path: Path) -> None:
    done = run("lab.probe", "--explain", "expired", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    parts = [
        "── expired ──",
        "The certificate has expired.",
        "TLS 1.2, client certificate",
        "ALERT fatal certificate_expired (45)",
        "TLS 1.3, client certificate",
        "ALERT fatal certificate_expired (45)",
        "── Comparison ──",
        "── Cause and fix ──",
        "should refuse it",
        "nobody renewed it, or the server's clock is ahead",
        "issue a new certificate; check the clock of the server",
        "openssl verify -purpose sslclient",
    ]
    at = 0
    for part in parts:
        at = done.out.index(part, at)
    assert "{" not in done.out[at:]


@pytest.mark.parametrize("version", [version.value for version in TlsVersion])
def test_a_selection(version: str, tmp_path: Path) -> None:
    words = ("--only", "good,expired", f"--tls{version}", "--json", "-", "--repeat", "2")
    done = run("lab.probe", *words, cwd=tmp_path)
    assert done.code == 0
    findings = json.loads(done.out)["findings"]
    assert [
        (finding["scenario"], finding["version"], finding["tries"]) for finding in findings
    ] == [(name, f"TLS {version}", 2) for name in ("good", "expired")]


def test_nginx_that_requires_refuses_by_http(certs: Path, tmp_path: Path) -> None:
    with served_by(MAKES["nginx"], certs, tmp_path) as port:
        done = away(certs, port, "--only", "good,no-certificate,expired")
    assert done.code == 0, done.err
    assert done.out.count("refused by HTTP\n") == 4
    assert "all is as it should be (4 refused by HTTP)." in " ".join(done.out.split())


def test_nginx_that_asks_only_accepts_a_bad_client(certs: Path, tmp_path: Path) -> None:
    junit = tmp_path / "probe.xml"
    with served_by(MAKES["nginx"], certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        words = ("--only", "good,no-certificate,expired", "--junit", junit)
        done = away(certs, port, *words)
    assert done.code == 1
    output = " ".join(done.out.split())
    assert output.endswith(
        "Let in, and should have been refused: no-certificate (TLS 1.2 and TLS 1.3)."
    )
    failures = ET.parse(junit).getroot().findall("testcase/failure")
    assert [failure.get("message") for failure in failures] == ["should have been refused"] * 2


def test_a_revocation_list_is_written_for_the_server(certs: Path, tmp_path: Path) -> None:
    crl, words = tmp_path / "probe.crl", ("--only", "good,through-intermediate,revoked", "--crl")
    with served_by(MAKES["haproxy"], certs, tmp_path) as port:
        before = away(certs, port, *words, crl)
    assert before.code == 1
    assert before.err == f"lab.probe: wrote {crl}: let the server load it\n"
    with served_by(MAKES["haproxy"], certs, tmp_path, crl=crl) as port:
        after = away(certs, port, *words, crl)
    assert (after.code, after.err) == (0, ""), after.out


def test_one_scenario_is_explained_on_a_server_elsewhere(certs: Path, tmp_path: Path) -> None:
    with served_by(MAKES["haproxy"], certs, tmp_path) as port:
        done = away(certs, port, "--explain", "no-certificate", "--tls1.3")
    assert done.code == 0, done.err
    assert f"openssl s_client -connect 127.0.0.1:{port} -CAfile ca.crt" in done.out


@pytest.fixture
def deaf() -> Iterator[int]:
    """A server that speaks no TLS: it greets, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with listener.accept()[0] as connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def one_line(done: CompletedRun, *says: str) -> None:
    assert (done.code, done.out) == (2, ""), done.out
    (line,) = done.err.splitlines()
    assert line.startswith("lab.probe: ")
    for words in says:
        assert words in line


def test_a_server_without_tls(certs: Path, deaf: int) -> None:
    one_line(away(certs, deaf), f"127.0.0.1:{deaf}", "TLS")


def test_a_server_that_is_not_there(certs: Path) -> None:
    port = free_port()
    one_line(away(certs, port), f"cannot connect to 127.0.0.1:{port}")


def test_a_server_that_we_do_not_trust(certs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert run("lab.certs", "--dir", other, "--key-type", "ec").code == 0
    with served("--certs", other, "--port", "0") as server:
        done = away(certs, server.port, "--only", "good")
        one_line(done, "self-signed certificate in certificate chain", "--server-ca", "--insecure")
        insecure = away(certs, server.port, "--only", "good", "--insecure")
    assert insecure.code == 1
    assert "the server does not trust this probe's CA" in " ".join(insecure.out.split())


def test_a_ca_and_a_key_that_do_not_match(certs: Path) -> None:
    words = ("--ca-cert", certs / "ca.crt", "--ca-key", certs / "server.key")
    one_line(run("lab.probe", "127.0.0.1:1", *words), "does not belong to the certificate")


def test_an_encrypted_key(certs: Path, tmp_path: Path) -> None:
    key, password = tmp_path / "ca.key", tmp_path / "password"
    key.write_bytes(load_identity(certs / "ca.crt", certs / "ca.key").key_pem(b"secret"))
    password.write_text("secret\n")
    words = ("--ca-cert", certs / "ca.crt", "--ca-key", key)
    one_line(run("lab.probe", "127.0.0.1:1", *words), "encrypted", str(key))
    one_line(
        run("lab.probe", "127.0.0.1:1", *words, "--ca-key-password-file", password),
        "cannot connect to 127.0.0.1:1",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a system other than Windows")
def test_ctrl_c_ends_the_probe_quietly(certs: Path) -> None:
    """While a server is waited for that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        words = ("--ca-cert", certs / "ca.crt", "--ca-key", certs / "ca.key")
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.probe", f"127.0.0.1:{mute.getsockname()[1]}", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        with mute.accept()[0]:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_a_password_is_asked_for_on_a_terminal(
    certs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = tmp_path / "ca.key"
    key.write_bytes(load_identity(certs / "ca.crt", certs / "ca.key").key_pem(b"secret"))
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "wrong" if len(asked) == 1 else "secret"

    monkeypatch.setattr("getpass.getpass", answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    words = ["127.0.0.1:1", "--ca-cert", str(certs / "ca.crt"), "--ca-key", str(key)]
    assert main(words) == 2
    assert "the password does not open the private key" in capsys.readouterr().err
    assert main(words) == 2
    assert "cannot connect to 127.0.0.1:1" in capsys.readouterr().err
    assert asked == ["Password of the CA's key: "] * 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "expird"], "there is no scenario 'expird'; did you mean expired?"),
        (["--explain", "no-cert"], "did you mean no-certificate?"),
        (["--skip", "god"], "did you mean good?"),
        (["127.0.0.1:1", "--only", "server-expired"], "leave HOST:PORT out to try it"),
        (["--sni", "a.example"], "--sni needs a server to probe"),
        (["http://127.0.0.1:1"], "does not lead to TLS"),
        (["127.0.0.1:1"], "ca.crt: no such file. Make the lab's CA (python -m lab.certs)"),
        (["127.0.0.1:1", "--insecure", "--ca-cert", "nothing.crt"], "nothing.crt: no such file"),
        (["--only", "good", "--json", "no/such/file"], "no/such/file"),
        (["--only", "good", "--junit", "."], ".: is a directory, not a file; nothing was tried"),
    ],
)
def test_what_cannot_be_probed_is_one_line(words: list[str], says: str, tmp_path: Path) -> None:
    done = run("lab.probe", *words, cwd=tmp_path)
    (line,) = done.err.splitlines()
    assert done.code == 2
    assert line.startswith("lab.probe: ")
    assert says in line


@pytest.mark.parametrize("words", [["--repeat", "0"], ["--concurrency", "many"], ["--nonsense"]])
def test_options_are_checked(words: list[str]) -> None:
    assert run("lab.probe", *words).code == 2


@pytest.mark.parametrize(
    "words",
    [["--request", "a b"], ["--sni", "a" * 70], ["--json", "no/such/folder/x"], ["--junit", "-"]],
)
def test_what_cannot_be_tried_is_one_line(certs: Path, words: list[str]) -> None:
    target = "127.0.0.1:1"
    done = run("lab.probe", target, *words, cwd=certs.parent)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("lab.probe: ")


@pytest.mark.parametrize("option", ["--only", "--skip"])
def test_no_scenario_is_not_every_scenario(option: str) -> None:
    done = run("lab.probe", option, ",")
    assert done.code == 2
    assert "names no scenario" in done.err


def test_a_server_that_closes_before_its_request_is_not_said_to_refuse(certs: Path) -> None:
    """A rate limit, a crash, a filter: it never came to judge a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.recv(65536)
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        port = listening.getsockname()[1]
        words = ("--only", "no-certificate,expired", "--tls1.3")
        done = run("lab.probe", f"127.0.0.1:{port}", *words, cwd=certs.parent)
        listening.shutdown(socket.SHUT_RDWR)
    assert done.code != 0
    assert "as it should be" not in done.out
    assert "without an alert" not in done.out


def test_sessions_of_the_labs_own_server(tmp_path: Path) -> None:
    """All faces of a report have them."""
    page, junit_file = tmp_path / "page.html", tmp_path / "report.xml"
    names = "session-after-revocation,session-to-other-name,session-to-other-address"
    words = ("--only", names, "--json", "-", "--html", page, "--junit", junit_file)
    done = run("lab.probe", *words, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    jsonschema.validate(report, schema_of("probe"))
    found = {(each["scenario"], each["version"]): each for each in report["findings"]}
    assert len(found) == 6
    for (name, _), finding in found.items():
        assert finding["family"] == "session"
        assert finding["verdict"] == "as it should be"
        assert finding["admitted"] is (name != "session-after-revocation")
        assert name in page.read_text("utf-8")
    cases = ET.parse(junit_file).getroot().findall("testcase")
    assert {case.get("classname") for case in cases} == {"mtls.session"}


def test_a_scenario_of_sessions_is_explained(tmp_path: Path) -> None:
    words = ("lab.probe", "--explain", "session-without-certificate", "--tls1.3")
    done = run(*words, "--html", tmp_path / "page.html", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    first, _, second = done.out.partition("TLS 1.3 (with a session), no client certificate")
    assert "CertificateRequest" in first
    assert "CertificateRequest" not in second
    assert "CN=mtls-client, which the server has from the session" in second
    assert "Cause and fix" in second
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--also", "localhost:1"], "--also needs a server to probe: add HOST:PORT"),
        (["--revoke-by", "true"], "--revoke-by needs a server to probe: add HOST:PORT"),
        (["--only", "session-from-other-name"], "no name or address that trusts another CA"),
        (["8443", "--also", "http://x"], "http"),
    ],
)
def test_what_of_sessions_cannot_be_asked_for(
    words: list[str], said: str, certs: Path, tmp_path: Path
) -> None:
    files = ["--ca-cert", str(certs / "ca.crt"), "--ca-key", str(certs / "ca.key")]
    done = run("lab.probe", *words, *(files if words[0] == "8443" else []), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert said in done.err


def test_an_application_that_lets_in_who_has_no_certificate(certs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with served_by(redis, certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        address = f"rediss://localhost:{port}"
        files = ("--ca-cert", certs / "ca.crt", "--ca-key", certs / "ca.key")
        words = ("--only", "good,no-certificate,wrong-ca", "--tls1.3", "--after", "redis")
        done = run("lab.probe", address, *files, *words, "--json", "-", "--html", page)
    report = json.loads(done.out)
    jsonschema.validate(report, schema_of("probe"))
    assert done.code == 1, done.err
    found = {finding["scenario"]: finding for finding in report["findings"]}
    assert found["no-certificate"]["verdict"] == "should have been refused"
    assert found["good"]["ending"] == "Redis PONG"
    assert found["good"]["answer"]["code"] == "PONG" and found["wrong-ca"]["answer"] is None
    text = page.read_text("utf-8")
    assert "Redis PONG" in text and "--after redis" in text


@pytest.fixture(scope="module")
def by_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server whose names trust different CAs and share sessions."""
    folder = tmp_path_factory.mktemp("names")
    write_authorities(folder)
    with served_by(haproxy_by_name, folder, folder) as port:
        yield f"127.0.0.1:{port}", folder


def of_names(by_name: tuple[str, Path], *words: str) -> CompletedRun:
    target, folder = by_name
    files = ("--ca-cert", folder / "ca.crt", "--ca-key", folder / "ca.key")
    return run("lab.probe", target, *files, "--sni", HERE, *words)


def test_names_that_share_sessions_are_a_fault(by_name: tuple[str, Path]) -> None:
    names = "session-resumed,session-to-other-name"
    done = of_names(by_name, "--also-sni", TRUSTS_ANOTHER, "--only", names)
    assert (done.code, done.err) == (1, "")
    said = " ".join(done.out.split())
    assert "Let in, and should have been refused: session-to-other-name" in said
    assert "the server's answer names CN=mtls-client" in said
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_command_that_does_not_change_the_server(by_name: tuple[str, Path]) -> None:
    words = ("--only", "session-after-revocation", "--tls1.3", "--revoke-by")
    failing = of_names(by_name, *words, "echo no such file; exit 3")
    assert failing.code == 2
    assert "ended with exit code 3: no such" in " ".join(failing.out.split())
    idle = of_names(by_name, "--only", "session-after-revocation", "--tls1.3")
    assert idle.code == 0
    assert "--revoke-by COMMAND does it" in " ".join(idle.out.split())
