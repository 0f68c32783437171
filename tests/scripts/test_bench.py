"""The benchmark of the server: it runs, it measures everything, and it believes nothing unseen."""

from __future__ import annotations

import importlib.util
import json
import shutil
import ssl
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.api import read_capture
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    TlsVersion,
    client_context,
)
from tests.support.doors import ROOT
from tests.support.serving import client_tls, in_thread, running

if not sys.platform.startswith("linux"):
    pytest.skip("needs Linux: CPU time is read from /proc", allow_module_level=True)

sys.path.insert(0, str(ROOT / "scripts"))

from bench import capture, client, serve
from bench.rows import row

BENCH = [sys.executable, "-bb", str(ROOT / "scripts" / "bench.py"), "serve"]
PATIENCE = 300.0  # seconds until a run that hangs fails
HANDSHAKES = {"handshake-tls1.2", "handshake-tls1.3", "resumed"}
REQUESTS = {"get", "post"}
AT_ONCE = {"idle-memory"}
PEERS: dict[str, list[str]] = {
    "lab": [],
    "lab-refused": [],
    "lab-uvloop": ["uvloop"],
    "uvicorn-h11": ["uvicorn"],
    "uvicorn-h11-uvloop": ["uvicorn", "uvloop"],
    "hypercorn": ["hypercorn"],
    "aiohttp": ["aiohttp"],
}


def all_of(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


@pytest.mark.slow
def test_a_quick_run_has_every_operation_of_every_server(tmp_path: Path) -> None:
    document, picture = tmp_path / "bench.json", tmp_path / "bench.svg"
    words = ["--quick", "--rounds", "1", "--json", str(document)]
    if all_of("matplotlib"):
        words += ["--picture", str(picture)]
    done = subprocess.run(
        [*BENCH, *words], capture_output=True, encoding="utf-8", timeout=PATIENCE, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "get: lab takes" in done.stdout or not all_of("uvicorn")
    found = json.loads(document.read_text())
    assert {"cpu", "cores", "python", "openssl", "versions"} <= set(found["machine"])
    many = {peer for peer, modules in PEERS.items() if all_of(*modules)}
    wanted = {(each, name) for each in HANDSHAKES | REQUESTS | AT_ONCE for name in many}
    wanted |= {(each, "http.server") for each in HANDSHAKES | REQUESTS}
    if shutil.which("openssl"):
        wanted |= {(each, "openssl-s_server") for each in HANDSHAKES}
    rows = found["rows"]
    assert {(each["operation"], each["server"]) for each in rows} == wanted
    for each in rows:
        assert each["unit"] == ("KiB" if each["operation"] == "idle-memory" else "us")
    for each in rows + found["load"]:
        low, high = each["spread"]
        assert 0 < low <= each["value"] <= high, each
    throughput = {f"throughput-{each}" for each in HANDSHAKES | REQUESTS}
    measured = {each["operation"] for each in found["load"]}
    assert measured == throughput | {"latency-median", "latency-p99"}
    if all_of("matplotlib"):
        assert picture.read_text().rstrip().endswith("</svg>")


def test_a_picture_of_an_unknown_form_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [*BENCH, "--picture", str(tmp_path / "bench.txt")],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "must end in .png or .svg" in done.stderr


@pytest.mark.parametrize("version", TlsVersion)
async def test_a_handshake_whose_client_is_refused_does_not_count(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    other = tmp_path / "other"
    write_set(other, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
    stranger = client_context(
        ClientTls(
            server_ca=certs / "ca.crt",
            identity=IdentityFiles(certificate=other / "client.crt", key=other / "client.key"),
            minimum=version,
            maximum=version,
        )
    )
    async with running(certs) as server:
        with pytest.raises(ssl.SSLError, match="unknown ca"):
            await in_thread(lambda: client.full_handshake(server.port, stranger))


@pytest.mark.parametrize("version", TlsVersion)
async def test_a_handshake_counts_as_resumed_only_if_it_was(
    certs: Path, version: TlsVersion
) -> None:
    context, another = client_tls(certs, version=version), client_tls(certs, version=version)
    async with running(certs) as server:
        session = await in_thread(lambda: client.full_handshake(server.port, context))
        await in_thread(lambda: client.resumed_handshake(server.port, context, session))
    async with running(certs) as server:  # which has other keys for its tickets
        with pytest.raises(client.NotServed, match="not resumed"):
            await in_thread(lambda: client.resumed_handshake(server.port, context, session))
        await in_thread(lambda: client.full_handshake(server.port, another))


async def test_an_answer_of_another_status_does_not_count(certs: Path) -> None:
    context = client_tls(certs)
    async with running(certs) as server:

        def ask() -> bytes:
            with client.connect(server.port, context) as tls:
                assert b'"todos"' in client.ask(tls, client.GET)
                return client.ask(tls, client.GET.replace(b"/todo", b"/other"))

        with pytest.raises(client.NotServed, match="404 Not Found"):
            await in_thread(ask)


def test_a_target_is_judged_by_the_rounds_own_ratios() -> None:
    rows = [
        row("get", "lab", "us", [100.0, 300.0, 110.0]),
        row("get", "uvicorn-h11", "us", [200.0, 900.0, 200.0]),
        row("idle-memory", "lab", "KiB", [56.0]),
    ]
    assert list(serve.verdicts(rows)) == [
        "get: lab takes 0.50 times what uvicorn-h11 does (0.33 to 0.55); target 0.7: reached",
        "idle-memory: lab takes 56.0 KiB for each connection (56.0 to 56.0); "
        "target 50: not reached",
    ]


def test_the_capture_of_the_bench_has_an_accepted_connection_of_each_version(
    tmp_path: Path,
) -> None:
    path, key_log = tmp_path / "two.pcap", tmp_path / "two.log"
    capture.make(path, key_log, 2)
    traces = list(read_capture(path, key_log=key_log))
    assert [str(trace.negotiated_version) for trace in traces] == ["TLS 1.2", "TLS 1.3"]
    for trace in traces:
        assert trace.outcome.accepted
        assert trace.outcome.ground == ""
        assert trace.client_certificate is not None


def test_reading_a_capture_is_judged_by_the_rounds_own_ratios() -> None:
    rows = [
        row("1000 connections", "lab.trace", "s", [0.5, 0.9, 0.4]),
        row("1000 connections", "tshark", "s", [1.0, 2.0, 0.4]),
        row("peak-memory", "lab.trace", "MiB", [36.0, 90.0, 36.0]),
    ]
    assert list(capture.verdicts(rows)) == [
        "lab.trace takes 0.50 times the CPU time of tshark (0.45 to 1.00); target 0.5: reached",
        "lab.trace takes 90 MiB at most; target 80: not reached",
    ]
