"""README.md: its code runs, its commands and links exist, and it promises nothing else."""

from __future__ import annotations

import re
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import lab.api
import lab.pytest_plugin
from tests.support.doors import (
    PATIENCE,
    ROOT,
    run,
    served,
)

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^#+ ", TEXT, flags=re.M)}
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

needs_shell = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, ("bash", "curl", "openssl"))),
    reason="needs a POSIX shell, curl and openssl: install them",
)


def test_at_most_350_lines() -> None:
    assert len(TEXT.splitlines()) <= 350


def test_the_first_screen_shows_an_alert_and_its_diagnosis() -> None:
    first = TEXT.split("## Start")[0]
    assert len(first.splitlines()) <= 30
    for shown in ("ALERT fatal certificate_required (116)", "sent none", "   fix  "):
        assert shown in first


@cache
def usage(door: str, *words: str) -> str:
    done = run(f"lab.{door}", *words, "--help")
    assert done.code == 0
    return done.out


def known_flags(*doors: tuple[str, ...]) -> set[str]:
    return {
        flag for door in doors for flag in re.findall(r"(?<!\S)--?[a-zA-Z][\w.-]*", _usage(door))
    }


def _usage(door: tuple[str, ...]) -> str:
    return re.sub(r"[\[\](){}|,]", " ", usage(*door))


DOORS = [
    ("server",),
    ("client",),
    ("trace",),
    ("tap",),
    ("explain",),
    ("web",),
    ("probe",),
    ("certs",),
    ("certs", "issue"),
    ("certs", "inspect"),
]
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S))


@pytest.mark.parametrize("code", sorted({code for code in CODE if code.startswith("lab.")}))
def test_commands_in_the_text_have_the_flags_that_they_show(code: str) -> None:
    words = code.partition("lab.")[2].split()
    if words[0].startswith(
        ("trace", "tap", "explain", "web", "probe", "certs", "server", "client")
    ):
        door = tuple(words[:2]) if tuple(words[:2]) in DOORS else (words[0],)
        # Behind "--" stands another program's command; "-" is standard input.
        own = words[: words.index("--")] if "--" in words else words
        flags = {word for word in own if word.startswith("-") and word != "-"}
        assert flags <= known_flags(door)


def test_flags_in_the_text_exist() -> None:
    docker = {"-d", "--rm", "--name"}
    openssl = {"-ign_eof", "-extfile", "-extensions", "-cert", "-key"}
    promised = {code.split()[0] for code in CODE if code.startswith("-")}
    assert len(promised) > 12
    assert promised - docker - openssl <= known_flags(*DOORS)


def test_scenarios_in_the_text_exist() -> None:
    names = {line.split()[0] for line in run("lab.probe", "--list").out.splitlines()}
    rows = [line for line in SECTIONS["Common mistakes"].splitlines() if line.startswith("|")]
    shown = {name for row in rows[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[-2])}
    assert len(shown) > 12
    assert shown <= names


def test_links_lead_somewhere() -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            assert (ROOT / target).is_file(), target


def test_the_demo_names_a_section_that_exists() -> None:
    demo = (ROOT / "scripts" / "demo.py").read_text(encoding="utf-8")
    named = set(re.findall(r"README\.md, ([^.]+)\.", demo))
    assert named and named <= SECTIONS.keys()


def test_folders_in_the_text_exist() -> None:
    folders = [code for code in CODE if code.startswith("lab/")]
    rooms = {path.parent.name for path in (ROOT / "lab").glob("*/__init__.py")}
    assert {folder.removeprefix("lab/") for folder in folders} >= rooms - {"cli"}
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)


def test_figures_name_scripts_that_exist_and_show_the_picture() -> None:
    figures = ROOT / "scripts" / "FIGURES.md"
    text = figures.read_text(encoding="utf-8")
    commands = re.findall(r"^\$ \.venv/bin/python (\S+)", text, re.M)
    assert len(commands) == 8
    assert all((ROOT / script).is_file() for script in commands)
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert pictures and all((figures.parent / picture).is_file() for picture in pictures)


def test_cites_tls_1_3_by_its_present_rfc() -> None:
    assert "RFC 9846" in TEXT


def s_client(certs: Path, port: int, *flags: str) -> tuple[int | None, int]:
    """Run s_client with neither certificate nor input; return the alert's number and its code."""
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}"),
            *("-CAfile", str(certs / "ca.crt"), *flags),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    alert = re.search(r"SSL alert number (\d+)", done.stderr)
    return int(alert[1]) if alert else None, done.returncode


@needs_shell
@pytest.mark.parametrize(
    ("flags", "number"),
    [(["-tls1_2"], 40), (["-tls1_2", "-ign_eof"], 40), (["-tls1_3", "-ign_eof"], 116)],
)
def test_s_client_that_waits_shows_the_alert(certs: Path, flags: list[str], number: int) -> None:
    with served("--certs", certs, "--port", "0") as server:
        assert s_client(certs, server.port, *flags) == (number, 1)


def relay_the_first_answer(listener: socket.socket, port: int) -> None:
    """Pass on both directions until the client answers the server's first messages, then one."""
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as server:
        from_client = 0
        while True:
            for ready in select.select([client, server], [], [], PATIENCE)[0]:
                data = ready.recv(65536)
                if not data and ready is client:
                    return
                if ready is client:
                    from_client += 1
                    server.sendall(data)
                elif from_client == 1:
                    client.sendall(data)


@needs_shell
def test_s_client_leaves_before_a_late_refusal_and_says_nothing(certs: Path) -> None:
    with (
        served("--certs", certs, "--port", "0") as server,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        relay = threading.Thread(target=relay_the_first_answer, args=(listener, server.port))
        relay.start()
        assert s_client(certs, listener.getsockname()[1], "-tls1_3") == (None, 0)
        relay.join(PATIENCE)


# The Python of the README.


def python_of(section: str) -> str:
    """Return the Python code of a section, given its heading."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", SECTIONS[section], re.M | re.S)
    return str(code)


def test_the_example_of_lab_api_runs() -> None:
    names: dict[str, Any] = {}
    exec(compile(python_of("`lab.api`: tests of your own"), "README.md", "exec"), names)
    assert names["trace"].causes[0].code == "client-certificate-expired"


def test_lab_api_has_what_the_text_names() -> None:
    names = set(re.findall(r"`(\w+)[`(]", SECTIONS["`lab.api`: tests of your own"]))
    assert len(names) > 6
    assert names <= {*lab.api.__all__, *vars(lab.pytest_plugin)}


@pytest.fixture
def ssl_example(certs: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(certs.parent)
    names: dict[str, Any] = {}
    exec(compile(python_of("Mutual TLS with Python's `ssl`"), "README.md", "exec"), names)
    return names


class Conversation:
    """One run of the README's ``serve`` and ``call``: what each returned or raised."""

    def __init__(self, ssl_example: dict[str, Any], server: ssl.SSLContext, client: ssl.SSLContext):
        self.answer: bytes | None = None
        self.refusals: dict[str, Exception] = {}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            thread = threading.Thread(
                target=self._note, args=("server", lambda: ssl_example["serve"](listener, server))
            )
            thread.start()
            self._note("client", lambda: self._call(ssl_example, listener, client))
            thread.join(PATIENCE)

    def _call(self, ssl_example: dict[str, Any], listener: socket.socket, client: Any) -> None:
        self.answer = ssl_example["call"](listener.getsockname()[1], client)

    def _note(self, who: str, what: Callable[[], None]) -> None:
        try:
            what()
        except OSError as error:
            self.refusals[who] = error


@pytest.fixture(scope="module")
def late(certs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an expired client certificate and its key."""
    folder = tmp_path_factory.mktemp("late")
    words = ("--dir", certs, "--cn", "late", "--scenario", "expired", "--out", folder / "late")
    done = run("lab.certs", "issue", *words)
    assert done.code == 0, done.err
    return folder


def client_like(ssl_example: dict[str, Any], kind: str, late: Path) -> ssl.SSLContext:
    """Return the README's client, with another certificate or with none."""
    if kind == "good":
        context = ssl_example["client_context"]()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations("certs/ca.crt")
    if kind == "bad":
        context.load_cert_chain(late / "late.crt", late / "late.key")
    assert isinstance(context, ssl.SSLContext)
    return context


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize(
    ("mode", "kind", "answer"),
    [
        (ssl.CERT_REQUIRED, "none", None),
        (ssl.CERT_REQUIRED, "bad", None),
        (ssl.CERT_REQUIRED, "good", b"hello mtls-client"),
        (ssl.CERT_OPTIONAL, "none", b"hello stranger"),
        (ssl.CERT_OPTIONAL, "bad", None),
        (ssl.CERT_OPTIONAL, "good", b"hello mtls-client"),
        (ssl.CERT_NONE, "none", b"hello stranger"),
        (ssl.CERT_NONE, "bad", b"hello stranger"),
        (ssl.CERT_NONE, "good", b"hello stranger"),
    ],
)
def test_verify_modes_of_a_server(
    ssl_example: dict[str, Any],
    late: Path,
    mode: ssl.VerifyMode,
    kind: str,
    answer: bytes | None,
    version: ssl.TLSVersion,
) -> None:
    client = client_like(ssl_example, kind, late)
    client.minimum_version = client.maximum_version = version
    conversation = Conversation(ssl_example, ssl_example["server_context"](mode), client)
    assert conversation.answer == answer
    refused = {"client", "server"} if answer is None else set()
    assert conversation.refusals.keys() == refused
    assert all(isinstance(error, ssl.SSLError) for error in conversation.refusals.values())


@pytest.mark.parametrize(("version", "returned"), [(TLS12, False), (TLS13, True)])
def test_where_a_client_without_certificate_is_refused(
    ssl_example: dict[str, Any], version: ssl.TLSVersion, returned: bool
) -> None:
    client = client_like(ssl_example, "none", Path())
    client.minimum_version = client.maximum_version = version
    conversation = Conversation(ssl_example, ssl_example["server_context"](), client)
    frames = []
    trace = conversation.refusals["client"].__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert ("recv" in frames) is returned
    assert ("do_handshake" in frames) is not returned


@pytest.mark.parametrize("mode", [ssl.CERT_REQUIRED, ssl.CERT_OPTIONAL, ssl.CERT_NONE])
def test_verify_modes_of_a_client(certs: Path, mode: ssl.VerifyMode) -> None:
    """It trusts no CA: whether the server gets in depends on the mode alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    with pytest.raises(ValueError):
        context.verify_mode = ssl.CERT_NONE
    context.check_hostname = mode is not ssl.CERT_NONE
    context.verify_mode = mode
    with served("--certs", certs, "--port", "0", "--client-auth", "none") as server:
        tcp = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        if mode is ssl.CERT_NONE:
            with context.wrap_socket(tcp, server_hostname="localhost") as tls:
                assert tls.getpeercert() == {}
                assert tls.getpeercert(binary_form=True)
        else:
            with tcp, pytest.raises(ssl.SSLCertVerificationError):
                context.wrap_socket(tcp, server_hostname="localhost")


def test_the_client_context_serves_urllib(ssl_example: dict[str, Any]) -> None:
    handler = urllib.request.HTTPSHandler(context=ssl_example["client_context"]())
    with served("--port", "0") as server:
        url = f"{server.url}/todo"
        with urllib.request.build_opener(handler).open(url, timeout=PATIENCE) as response:
            assert response.status == 200
            assert b'"client": "mtls-client"' in response.read()
