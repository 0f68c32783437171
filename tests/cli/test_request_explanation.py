"""``lab.explain --request``: servers of several makes, files, and what cannot be told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from jsonschema import validate

from lab.api import LabCA, LabServer, trace_server
from lab.pki.identity import certificates_pem
from tests.support.doors import run
from tests.support.late_apache import PRIVATE, late_apache
from tests.support.peers import (
    CommandLine,
    Setup,
    VerifyMode,
    free_port,
    s_server,
    served_by,
)
from tests.support.post_handshake_server import post_handshake_server
from tests.support.schemas import schema_of
from tests.support.server_recordings import ALL_MAKES
from tests.support.starttls_servers import postgresql

CA = LabCA()
ANOTHER = CA.authority.other_root(x509.Name.from_rfc4514_string("CN=Another CA,O=x")).identity


def naming_another(setup: Setup) -> CommandLine:
    """openssl s_server, which names a CA that is not the one that it trusts."""
    names = setup.folder / "names.crt"
    names.write_bytes(certificates_pem([ANOTHER.certificate]))
    trusted = setup.file("ca.crt")
    words = [word for word in s_server(setup) if word not in ("-CAfile", trusted)]
    return [*words, "-verifyCAfile", trusted, "-CAfile", names]


@pytest.fixture(scope="module")
def naming(certs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_by(naming_another, certs, tmp_path_factory.mktemp("naming")) as port:
        yield f"127.0.0.1:{port}"


def flat(text: str) -> str:
    return " ".join(text.split())


def test_what_is_asked_for_and_who_would_send_it(naming: str, certs: Path) -> None:
    done = run("lab.explain", "--request", naming, "--cert", certs / "client.crt")
    assert (done.code, done.err) == (0, "")
    assert f"── {naming} asks for a client certificate ─" in done.out
    assert re.search(r"^ +TLS 1\.2 +TLS 1\.3$", done.out, re.MULTILINE)
    assert re.search(r"^CA names +O=x,CN=Another CA|^CA names +CN=Another CA,O=x", done.out, re.M)
    words = flat(done.out)
    assert (
        "at hand client.crt: CN=mtls-client, EC secp256r1, issued by CN=mTLS Lab Root CA" in words
    )
    assert "its key is of a kind that is asked for; no CA named issued it" in words
    for client, answer in (
        (r"Python \(ssl\)", "sends client.crt"),
        (r"Go \(Config\.Certificates\)", "empty Certificate"),
        (r"GnuTLS \(the library\)", "empty Certificate"),
        (r"gnutls-cli", "sends client.crt"),
        ("Firefox", "cannot be told"),
    ):
        assert re.search(rf"^{client} +{answer} +{answer}$", done.out, re.MULTILINE), client
    rules = done.out.partition("By which rule?")[2]
    assert re.search(r"^  measured    runs of Go ", rules, re.MULTILINE)
    assert re.search(r"^  cited       ", rules, re.MULTILINE)


def test_without_a_certificate_it_says_what_one_must_be_like(naming: str) -> None:
    done = run("lab.explain", "--request", f"https://{naming}/", "--tls1.3")
    assert (done.code, done.err) == (0, "")
    assert "What a certificate must be like" in done.out
    assert "Who would send one?" not in done.out and "TLS 1.2" not in done.out


def test_the_document(naming: str, certs: Path) -> None:
    done = run("lab.explain", "--request", naming, "--json", "--cert", certs / "client.crt")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    validate(document, schema_of("request"))
    assert [each["version"] for each in document["requests"]] == ["TLS 1.2", "TLS 1.3"]
    assert document["requests"][0]["terms"]["names"] == document["requests"][1]["terms"]["names"]
    assert document["requests"][0]["selections"]


@pytest.mark.parametrize(
    "make",
    [
        "nginx",
        "gnutls-serv",
        *(pytest.param(make, marks=pytest.mark.slow) for make in ("haproxy", "node", "java")),
    ],
)
def test_other_makes_name_the_cas_that_they_trust(make: str, certs: Path, tmp_path: Path) -> None:
    with served_by(ALL_MAKES[make], certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        done = run("lab.explain", "--request", f"127.0.0.1:{port}", "--servername", "localhost")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^CA names +CN=mTLS Lab Root CA$", done.out, re.MULTILINE)


def test_a_server_that_asks_later_or_not_at_all(certs: Path) -> None:
    with post_handshake_server(certs) as port:
        later = run("lab.explain", "--request", f"https://127.0.0.1:{port}/private")
        never = run("lab.explain", "--request", f"127.0.0.1:{port}", "--tls1.3")
    assert (later.code, never.code) == (0, 0)
    assert "TLS 1.3, after the handshake" in later.out
    assert "It ended before the server could ask" in flat(later.out)  # TLS 1.2
    assert "The server asked for no certificate in the handshake" in never.out
    assert "--sni NAME" in never.out


@pytest.mark.slow
def test_a_server_behind_starttls(certs: Path) -> None:
    with postgresql(certs) as port:
        done = run("lab.explain", "--request", f"postgres://127.0.0.1:{port}")
        same = run("lab.explain", "--request", f"127.0.0.1:{port}", "--starttls", "postgres")
    assert (done.code, done.err) == (0, "")
    assert same.out == done.out
    assert re.search(r"^CA names +CN=mTLS Lab Root CA$", done.out, re.MULTILINE)


@pytest.mark.slow
def test_apache_that_asks_for_one_of_its_paths(certs: Path, tmp_path: Path) -> None:
    with late_apache(certs, tmp_path) as port:
        done = run("lab.explain", "--request", f"https://127.0.0.1:{port}{PRIVATE}")
    assert (done.code, done.err) == (0, "")
    heads = r"^ +TLS 1\.2, in a renegotiation +TLS 1\.3, after the handshake$"
    assert re.search(heads, done.out, re.MULTILINE)
    assert re.search(r"^  Node: no / yes ", done.out, re.MULTILINE)


def test_a_capture_and_a_document(tmp_path: Path, certs: Path) -> None:
    capture, other = tmp_path / "seen.pcapng", tmp_path / "odd.name"
    with LabServer(trust=CA) as server:
        trace_server(server, pcapng=capture)
    traced = run("lab.trace", capture, "--json")
    other.write_text(traced.out, encoding="utf-8")
    for source in (capture, other):
        done = run("lab.explain", "--request", source, "--cert", certs / "client.crt")
        assert (done.code, done.err) == (0, "")
        assert re.search(r"^seen in +connection 1 +connection 2$", done.out, re.MULTILINE)
        assert re.search(r"^clients +sent an empty Certificate$", done.out, re.MULTILINE)


def test_sealed_connections_alone_cannot_be_told(tmp_path: Path) -> None:
    capture = tmp_path / "seen.pcapng"
    with LabServer(trust=CA) as server:
        trace_server(server, versions=["1.3"], pcapng=capture)
    data = capture.read_bytes().replace(b"CLIENT_", b"CLIENT-").replace(b"SERVER_", b"SERVER-")
    capture.write_bytes(data)
    done = run("lab.explain", "--request", capture)
    assert done.code == 2
    assert "--keylog FILE" in done.out
    assert done.err.startswith(f"lab.explain: {capture}: whether a certificate is asked for")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--request", "./missing.pcap"], "missing.pcap"),
        (["--request", "127.0.0.1:{port}"], "cannot connect to 127.0.0.1"),
        (["--request", "ftp.example:x"], "ftp.example:x"),
        (["--request", "127.0.0.1", "text"], "give a text to explain or --request, not both"),
        (["--cert", "x.crt", "text"], "--cert goes with --request"),
        (["--tls1.2", "text"], "--tls1.2 or --tls1.3 goes with --request"),
        (["--starttls", "smtp", "text"], "--starttls goes with --request"),
        (["--request", "1", "--key", "x"], "--key goes with --cert"),
        (["--request", "./x.pcap", "--sni", "x"], "--sni is of a server that is dialled; ./x.pcap"),
        (["--request", "./x", "--proxy", "http://h:1"], "--proxy is of a server that is dialled"),
        (["--request", "1", "--keylog", "x"], "--keylog is of a capture; 1 is taken for a server"),
        (["--request", "1", "--proxy", "ftp://h:1"], "no proxy that can be used"),
        (["--request", "1", "--cert", "missing.crt"], "missing.crt"),
        (["--request", "1", "--cert", "{certs}/client.key"], "contains no certificate"),
    ],
)
def test_what_cannot_be_made_is_one_line(words: list[str], said: str, certs: Path) -> None:
    values = {"port": free_port(), "certs": certs}
    done = run("lab.explain", *[word.format(**values) for word in words])
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1 and done.err.startswith("lab.explain: ")
