"""--html, --svg and --mermaid: what is written, of which connections, and what is refused."""

from __future__ import annotations

import os
import re
import stat
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.picture_files import PictureFiles, picture_files
from lab.cli.picture_options import MOST_DRAWN
from lab.trace import parser
from lab.tracing.results import Trace
from tests.support.capture import pcap
from tests.support.connections import KINDS, connect
from tests.support.doors import CompletedRun, run
from tests.support.harness import Identities
from tests.support.peers import free_port
from tests.support.picture_cases import traces_of
from tests.support.traces import FLOW

ALL = ("--html", "page.html", "--svg", "picture.svg", "--mermaid", "diagram.mmd")
CAPTURES = Path(__file__).resolve().parent.parent / "vectors" / "captures"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def titles(folder: Path) -> tuple[str, str, str]:
    """What each of the three files says that it is of."""
    page = (folder / "page.html").read_text(encoding="utf-8")
    picture = ET.fromstring((folder / "picture.svg").read_bytes())
    diagram = (folder / "diagram.mmd").read_text(encoding="utf-8")
    (title,) = re.findall("<title>(.*)</title>", page)
    assert diagram.startswith("sequenceDiagram\n")
    return title, picture[0].text or "", diagram


@pytest.fixture(scope="module")
def captures(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """few.pcap with two connections, many.pcap with thirty, every third of them refused."""
    made = tmp_path_factory.mktemp("captures")
    accepted, refused = (
        connect(KINDS[kind], identities, made) for kind in ("1.3 accepted", "1.2 no certificate")
    )
    for name, recordings in (
        ("few", [accepted, refused]),
        ("many", [accepted, refused, accepted] * 10),
    ):
        (made / f"{name}.pcap").write_bytes(pcap(recordings))
        log = "".join(recording.key_log for recording in (accepted, refused))
        (made / f"{name}.keylog").write_text(log)
    return made


def traced(folder: Path, capture: Path, *words: str) -> CompletedRun:
    return run("lab.trace", str(capture), *words, cwd=folder)


def test_a_live_trace_in_both_versions(tmp_path: Path) -> None:
    done = run("lab.trace", *ALL, cwd=tmp_path, MTLS_SERVER_PORT=str(free_port()))
    assert (done.code, done.err) == (0, "")
    assert "Comparison" in done.out
    title, described, diagram = titles(tmp_path)
    assert title.startswith("TLS handshake with 127.0.0.1:")
    assert "TLS 1.2, no client certificate: rejected by the server, alert" in described
    assert "TLS 1.3, no client certificate: rejected by the server, alert" in described
    assert "Note over C,S: TLS 1.3, no client certificate" in diagram
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "legacy_session_id" in page, "the bytes are labelled"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "diagram.mmd",
        "page.html",
        "picture.svg",
    ]


def test_only_the_page_is_private(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs macOS or Linux")
    before = os.umask(0o022)
    try:
        done = traced(tmp_path, CAPTURES / "tls13_dsb.pcapng", *ALL)
    finally:
        os.umask(before)
    assert done.code == 0
    modes = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert modes == {"page.html": 0o600, "picture.svg": 0o644, "diagram.mmd": 0o644}


def test_one_connection_of_a_capture(captures: Path, tmp_path: Path) -> None:
    done = traced(tmp_path, captures / "few.pcap", "--flow", "2", *ALL)
    assert (done.code, done.err) == (0, "")
    title, described, diagram = titles(tmp_path)
    assert title == "TLS handshake with 10.0.0.2:443"
    for shown in (described, diagram):
        assert "Connection 2: " in shown and "Connection 1: " not in shown


def test_several_connections_of_a_capture(captures: Path, tmp_path: Path) -> None:
    done = traced(tmp_path, captures / "few.pcap", *ALL)
    assert (done.code, done.err) == (0, "")
    title, described, diagram = titles(tmp_path)
    assert title.startswith("TLS connections in ") and title.endswith("few.pcap")
    for shown in (described, diagram):
        assert "Connection 1: " in shown and "Connection 2: " in shown


def test_many_connections_are_bounded_and_that_is_said(captures: Path, tmp_path: Path) -> None:
    done = traced(tmp_path, captures / "many.pcap", *ALL)
    assert done.code == 0
    assert done.err == "lab.trace: 10 of 30 connections are in the picture, 20 not\n"
    _, described, _ = titles(tmp_path)
    assert described.count("rejected by the server") == MOST_DRAWN
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "30 connections with TLS: 20 accepted, 10 rejected" in page
    assert len(page.encode()) <= 600_000


def test_only_what_is_selected_is_drawn(captures: Path, tmp_path: Path) -> None:
    done = traced(tmp_path, captures / "few.pcap", "--failed", "--svg", "picture.svg")
    assert (done.code, done.err) == (0, "")
    picture = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "Connection 2: " in picture and "Connection 1: " not in picture


def test_the_other_outputs_stay_as_they_are(tmp_path: Path) -> None:
    capture = CAPTURES / "tls13_pha.pcap"
    for form in ((), ("--json",), ("--brief",)):
        plain = traced(tmp_path, capture, *form)
        drawn = traced(tmp_path, capture, *form, *ALL)
        assert (drawn.code, drawn.out, drawn.err) == (plain.code, plain.out, plain.err)


@pytest.mark.parametrize("target", [str(CAPTURES / "tls13_pha.pcap"), "127.0.0.1:1"])
def test_a_file_that_cannot_be_is_refused_before_anything_is_done(
    target: str, tmp_path: Path
) -> None:
    for words, reason in (
        (("--svg", "none/x.svg"), "none/x.svg: No such file or directory; name a file that"),
        (("--html", "."), ".: Is a directory; name a file that"),
        (("--svg", "x", "--mermaid", "./x"), "--svg and --mermaid are one file, x; name another"),
        (("--html", "x", "--keylog", "x"), "--html and --keylog are one file, x; name another"),
    ):
        done = run("lab.trace", target, *words, cwd=tmp_path)
        if "--keylog" in words and "pcap" in target:
            continue  # which is read, and not there
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"lab.trace: {reason}")
        assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_capture_is_not_written_over(captures: Path, tmp_path: Path) -> None:
    capture = tmp_path / "few.pcap"
    capture.write_bytes((captures / "few.pcap").read_bytes())
    done = traced(tmp_path, capture, "--svg", "few.pcap")
    assert done.code == 2
    assert done.err.startswith("lab.trace: --svg and the capture are one file, few.pcap; ")
    assert capture.read_bytes() == (captures / "few.pcap").read_bytes()


def test_where_there_is_nothing_to_draw_an_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "picture.svg").write_text("old")
    done = run("lab.trace", "127.0.0.1:1", "--svg", "picture.svg", cwd=tmp_path)
    assert done.code == 2
    assert (tmp_path / "picture.svg").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.svg"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs macOS or Linux")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    done = traced(tmp_path, CAPTURES / "tls13_pha.pcap", "--html", "/dev/full")
    assert done.code == 2
    assert done.err == (
        "lab.trace: /dev/full: No space left on device; name a file that this user may use\n"
    )


def test_what_is_kept_of_a_long_capture_is_bounded(tmp_path: Path) -> None:
    options = parser().parse_args(["x.pcap", "--svg", str(tmp_path / "x.svg")])
    (trace,) = traces_of("without-keys")
    accepted = traces_of("post-handshake")[0]
    with picture_files(options) as pictures:
        for number in range(1, 201):
            kind: Trace = trace if number > 195 else accepted
            pictures.take(replace(kind, flow=replace(FLOW, number=number)))
        assert held(pictures) <= 2 * MOST_DRAWN
        words = pictures.write_all("many", pictures.summary)
    assert words == "10 of 200 connections are in the picture, 190 not"
    picture = (tmp_path / "x.svg").read_text(encoding="utf-8")
    shown = re.findall(r"<text[^>]*>Connection (\d+):", picture)
    assert shown == ["196", "197", "198", "199", "200", "1", "2", "3", "4", "5"]


def held(pictures: PictureFiles) -> int:
    return sum(map(len, pictures._drawn.values()))
