"""scripts/demo.py: the whole lab in one command, which leaves nothing behind."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.support.doors import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import demo


@pytest.mark.slow
def test_shows_both_refusals_and_where_they_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.demonstrate(Path(sys.executable), tmp_path, serve=False)
    out = capsys.readouterr().out
    places = [out.index(f"=== {number}. ") for number in range(1, 7)]
    assert places == sorted(places)
    for shown in (
        "$ .venv/bin/python -m lab.certs\nWrote 7 files",
        "[SERVER] mTLS server listening on https://127.0.0.1:",
        '[CLIENT] Authenticated as: "mtls-client"',
        "| TLS 1.2 rejected",
        "| TLS 1.3 rejected",
    ):
        assert shown in out
    assert out[places[5] :].splitlines()[2:4] == [
        "  TLS 1.2: handshake_failure (40), inside the handshake call (TLS 1.2)",
        "  TLS 1.3: certificate_required (116), at the first read, "
        "after the handshake call had returned (TLS 1.3)",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"certs"}


def test_main_works_in_a_folder_that_it_removes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used: list[Path] = []

    def demonstrate(python: Path, folder: Path, *, serve: bool) -> None:
        assert (python, serve) == (Path("python"), True)
        assert folder.is_dir() and ROOT not in folder.parents
        used.append(folder)

    monkeypatch.setattr(demo, "demonstrate", demonstrate)
    monkeypatch.setattr(demo, "environment", lambda: Path("python"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--serve"])
    assert demo.main() == 0
    assert not used[0].exists()
    assert "-m lab.certs" in capsys.readouterr().out
