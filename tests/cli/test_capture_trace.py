"""``lab.trace FILE``: what is printed of a capture, and the line where it cannot be read."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.trace import names_capture
from tests.support.capture import pcap
from tests.support.connections import KINDS, connect
from tests.support.doors import CompletedRun, environment, run
from tests.support.extent import Extent
from tests.support.harness import Identities
from tests.support.schemas import schema_of

SCHEMA = Draft202012Validator(schema_of("trace"))
VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "captures"


@pytest.fixture(scope="module")
def folder(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """four.pcap with four.keylog beside it, one.pcap, and things that are no capture."""
    made = tmp_path_factory.mktemp("captures")
    kinds = ("1.2 accepted", "1.2 no certificate", "1.3 accepted", "1.3 wrong CA")
    recordings = [connect(KINDS[kind], identities, made) for kind in kinds]
    (made / "four.pcap").write_bytes(pcap(recordings))
    (made / "four.pcap.gz").write_bytes(gzip.compress(pcap(recordings)))
    (made / "one.pcap").write_bytes(pcap(recordings[3:]))
    (made / "keys").write_text("".join(recording.key_log for recording in recordings))
    shutil.copy(made / "keys", made / "four.keylog")
    (made / "other.log").write_text(f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}\n")
    (made / "no.log").write_text("# nothing\n")
    (made / "text.pcap").write_text("hello, this is a text and no capture")
    (made / "empty.pcap").touch()
    (made / "plain.pcap").write_bytes(pcap([]))
    (made / "folder.pcap").mkdir()
    return made


def traced(folder: Path, *words: str) -> CompletedRun:
    return run("lab.trace", *words, cwd=folder)


def document(done: CompletedRun) -> Any:
    assert done.code == 0, done.err
    parsed = json.loads(done.out)
    SCHEMA.validate(parsed)
    return parsed


def test_several_connections_are_a_table(folder: Path) -> None:
    done = traced(folder, "four.pcap")
    assert (done.code, done.err) == (0, "")
    head, *rows, blank, endings, keys = done.out.splitlines()
    assert head.lstrip().startswith("#  time (UTC)")
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4"]
    assert blank == ""
    assert endings == "4 connections with TLS: 2 accepted, 2 rejected by the server"
    assert keys.startswith("the key log four.keylog (found beside the capture) has ")


def test_one_connection_is_a_picture(folder: Path) -> None:
    done = traced(folder, "one.pcap", "--keylog", "keys")
    assert done.code == 0, done.err
    assert done.out.startswith("── Connection 1: 10.0.0.1:50000 to 10.0.0.2:443 ─")
    assert "ALERT fatal unknown_ca (48)" in done.out
    assert max(map(len, done.out.splitlines()[:-1])) <= 80


def test_a_connection_that_is_named_is_a_picture(folder: Path) -> None:
    done = traced(folder, "four.pcap", "--flow", "2")
    assert done.code == 0, done.err
    assert done.out.startswith("── Connection 2: 10.0.0.1:50001 to 10.0.0.2:443 ─")
    assert "Connection 1" not in done.out


def test_only_the_refused(folder: Path) -> None:
    done = traced(folder, "four.pcap", "--failed")
    assert [line.split()[0] for line in done.out.splitlines()[1:3]] == ["2", "4"]
    assert "4 connections with TLS: 2 accepted, 2 rejected by the server" in done.out
    none = traced(folder, "four.pcap", "--failed", "--port", "50000")
    assert (none.code, none.out) == (0, "1 connection with TLS: 1 accepted\n")


def test_the_brief_form(folder: Path) -> None:
    done = traced(folder, "four.pcap", "--brief", "--failed")
    lines = done.out.splitlines()
    assert lines[0] == (
        "Connection 2: 10.0.0.1:50001 to 10.0.0.2:443: rejected by the server, alert "
        "handshake_failure (40)"
    )
    assert [line.split(":")[0] for line in lines] == ["Connection 2", "cause", "fix"] * 1 + [
        "Connection 4",
        "cause",
        "fix",
    ]


@pytest.mark.parametrize("name", ["four.pcap", "four.pcap.gz"])
def test_the_document_has_a_trace_of_each(folder: Path, name: str) -> None:
    parsed = document(traced(folder, name, "--json"))
    assert [trace["flow"]["number"] for trace in parsed["traces"]] == [1, 2, 3, 4]
    assert parsed["traces"][0]["outcome"]["result"] == "accepted"
    (use,) = parsed["capture"].pop("key_logs")
    assert use["name"] == "four.keylog"
    assert use["beside"] is True
    assert parsed["capture"] == {"connections": 4, "tls": 4, "others": []}


def test_the_document_without_a_trace_is_whole(folder: Path) -> None:
    parsed = document(traced(folder, "four.pcap", "--json", "--failed", "--port", "50000"))
    assert parsed["traces"] == []
    assert (
        json.dumps(parsed, indent=2) + "\n"
        == traced(folder, "four.pcap", "--json", "--failed", "--port", "50000").out
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--expect", "accepted", "--port", "50000"], 0),
        (["--expect", "accepted"], 1),
        (["--expect", "refused:unknown_ca", "--flow", "4"], 0),
        (["--expect", "refused:unknown_ca", "--flow", "2"], 1),
    ],
)
def test_what_is_expected_counts_for_each_connection_that_is_shown(
    words: list[str], code: int, folder: Path
) -> None:
    assert traced(folder, "four.pcap", *words).code == code


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["text.pcap"], "text.pcap: "),
        (["empty.pcap"], "empty.pcap: "),
        (["plain.pcap"], "no TLS in plain.pcap: no TCP connection"),
        (["missing.pcap"], "missing.pcap: No such file or directory; name a file"),
        (["./missing"], "missing: No such file or directory; name a file"),
        (["folder.pcap"], "folder.pcap: Is a directory; name a file"),
        (["four.pcap", "--keylog", "missing"], "missing: No such file or directory; name a file"),
        (["four.pcap", "--keylog", "no.log"], "the key log no.log has no secrets"),
        (
            ["four.pcap", "--keylog", "other.log"],
            "the key log other.log has 1 secret; none is of these connections",
        ),
        (["four.pcap", "--flow", "5"], "four.pcap has no connection 5 with TLS; its last one is 4"),
        (
            ["four.pcap", "--host", "10.9.9.9"],
            "four.pcap has 4 connections with TLS, none of them as asked for",
        ),
        (["four.pcap", "--host", "example.org"], "--host is 'example.org'; a capture has IP"),
        (["four.pcap", "--ca", "x"], "--ca is of a server that is dialled; four.pcap is read as"),
        (["four.pcap", "--timeout", "10"], "--timeout is of a server that is dialled; four.pcap"),
        (["four.pcap", "--tls1.2"], "--tls1.2 and --tls1.3 is of a server"),
        (["localhost:1", "--flow", "3"], "--flow is of a capture; there is no file localhost:1"),
        (["--failed"], "--failed is of a capture; name its file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_line(words: list[str], line: str, folder: Path) -> None:
    done = traced(folder, *words)
    assert done.code == 2
    assert done.err.startswith(f"lab.trace: {line}")
    assert done.err.count("\n") == 1


def test_without_a_client_hello_a_key_log_is_not_called_unfit(tmp_path: Path) -> None:
    shutil.copy(VECTORS / "tls12_start_missed.pcap", tmp_path / "late.pcap")
    shutil.copy(VECTORS / "tls12_start_missed.keylog", tmp_path / "keys.log")
    done = traced(tmp_path, "late.pcap", "--keylog", "keys.log")
    assert done.code == 0
    assert "1 secret; none is of a connection whose ClientHello was captured" in done.out


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user whom file modes can stop"
)
def test_a_capture_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").touch(mode=0)
    done = traced(tmp_path, "x.pcap")
    assert done.code == 2
    assert done.err.startswith("lab.trace: x.pcap: Permission denied; ")


def test_what_names_a_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "8443").touch()
    (tmp_path / "host").mkdir()
    for name in ("file", "-", "x.pcap", "x.PCAPNG", "x.cap", "x.pcap.gz", "/x", "./8443", "../x"):
        assert names_capture(name), name
    for name in ("8443", "host", "localhost:8443", "https://x/y.pcap", "x", "localhost/status", ""):
        assert not names_capture(name), name


COMMAND = [sys.executable, "-m", "lab.trace"]


def test_a_stream_of_one_connection_has_its_row_and_its_picture(folder: Path) -> None:
    with (folder / "one.pcap").open("rb") as file:
        done = subprocess.run(
            [*COMMAND, "-", "--keylog", "keys"],
            stdin=file,
            cwd=folder,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("── Connection 1:")  # a regular file, though on standard input
    piped = subprocess.run(
        [*COMMAND, "-", "--keylog", "keys"],
        input=(folder / "one.pcap").read_bytes(),
        cwd=folder,
        env=environment(),
        capture_output=True,
    )
    lines = piped.stdout.decode().splitlines()
    assert lines[0].lstrip().startswith("#  time (UTC)")
    assert any(line.startswith("── Connection 1:") for line in lines)


def test_a_reader_that_has_gone_ends_it_quietly(folder: Path) -> None:
    source, sink = os.pipe()
    os.close(source)
    done = subprocess.run(
        [*COMMAND, "four.pcap"], stdout=sink, stderr=subprocess.PIPE, cwd=folder, env=environment()
    )
    os.close(sink)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interrupt_ends_a_stream_quietly(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write((folder / "four.pcap").read_bytes())
        process.stdin.flush()
        assert process.stdout.readline().lstrip().startswith(b"#")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, b"")


def test_a_capture_is_read_without_what_only_a_server_needs(folder: Path) -> None:
    """It would take longer to load than to read most captures."""
    heavy = ("asyncio", "ssl", "rich", "h11", "cryptography.x509", "lab.api")
    code = (
        "import sys, lab.trace; lab.trace.main(['four.pcap']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@dataclass(frozen=True, kw_only=True)
class Right:
    """What is right of the last connection of a specimen; None: not looked at."""

    results: tuple[str, ...] = ("accepted",)
    signal: str | None = None
    inferred: bool = False
    gap: str | None = None
    cause: str | None = None
    kinds: frozenset[str] = frozenset()  # of events, which must be there


SPECIMENS = {
    "tls13_wrongca_no_keylog": Right(
        results=("rejected",), signal="an alert that cannot be read", inferred=True
    ),
    "tls13_accepted_server_closes_no_keylog": Right(inferred=True),
    "tls12_accepted_no_keylog": Right(inferred=True),
    "tls12_client_direction_only": Right(
        results=("cannot be told",), gap="nothing that this end sent was captured"
    ),
    "tls12_start_missed": Right(inferred=True, gap="the beginning was not captured"),
    "tls13_lost_segment": Right(
        results=("accepted", "cannot be told"), gap="a segment is missing from the capture"
    ),
    "tls13_truncated_midway": Right(results=("cannot be told",), gap="the capture ends here"),
    "tls13_client_fin_before_server_data": Right(),
    "tls13_wrongca_closed_without_alert": Right(results=("rejected",), signal="FIN"),
    "tls12_rpk_client": Right(results=("rejected",), signal="alert"),
    "tls13_rpk_refused": Right(results=("rejected",), signal="alert"),
    "tls12_resumed_second_random_not_in_keylog": Right(
        cause="resumed", kinds=frozenset({"application_data_seen"})
    ),
    "tls12_reneg_refused": Right(
        results=("accepted", "rejected", "failed"), cause="no-renegotiation"
    ),
    "tls13_pha": Right(cause="mutual-tls"),
    "tls13_x25519mlkem768": Right(cause="mutual-tls"),
    "tls13_dsb": Right(cause="mutual-tls"),
    "tls10_mutual": Right(cause="mutual-tls"),
    "tls12_3des": Right(inferred=True, kinds=frozenset({"sealed_seen"})),
}


@pytest.mark.parametrize(("name", "right"), SPECIMENS.items(), ids=SPECIMENS)
def test_a_specimen_is_judged_rightly(name: str, right: Right) -> None:
    suffix = "pcapng" if name == "tls13_dsb" else "pcap"
    done = traced(VECTORS, f"{name}.{suffix}", "--json")
    assert done.code == 0, done.err
    if Extent.full:  # to hold a document against the schema takes longer than to make it
        document(done)
    trace = json.loads(done.out)["traces"][-1]
    outcome, gaps = trace["outcome"], [gap["gap"] for gap in trace["flow"]["gaps"]]
    assert outcome["result"] in right.results
    assert right.signal in (None, outcome["signal"])
    if outcome["result"] != "cannot be told":
        assert (outcome["ground"] is not None) == right.inferred
    assert right.gap is None or right.gap in gaps
    codes = [cause["code"] for cause in trace["diagnosis"]]
    assert len(codes) == len(set(codes))
    assert right.cause in (None, *codes)
    kinds = {event["type"] for event in trace["events"]}
    assert right.kinds <= kinds
    assert "malformed" not in kinds
    assert not {"not-mutual", "client-self-signed"} & set(codes) or right.gap is None


def test_every_specimen_is_in_the_table() -> None:
    names = {path.stem for path in VECTORS.glob("*.pcap*")}
    assert names >= set(SPECIMENS)


def test_the_group_of_a_specimen_has_its_name() -> None:
    done = traced(VECTORS, "tls13_x25519mlkem768.pcap")
    assert "group       X25519MLKEM768" in done.out


def test_raw_public_keys_are_called_so() -> None:
    for name in ("tls12_rpk_client", "tls13_rpk_refused"):
        done = traced(VECTORS, f"{name}.pcap")
        assert "of the client: a raw public key, EC secp256r1" in done.out
        assert "self-signed" not in done.out
