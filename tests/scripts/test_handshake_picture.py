"""scripts/handshake_picture.py: the README's picture is what a run looks like today."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support.doors import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import handshake_picture


def test_the_kept_picture_is_that_of_a_run() -> None:
    kept = handshake_picture.PICTURE.read_text(encoding="utf-8")
    drawn = handshake_picture.picture()
    assert handshake_picture.texts(drawn) == handshake_picture.texts(kept), (
        "run scripts/handshake_picture.py, and look at the picture"
    )
    assert STYLE.findall(drawn) == STYLE.findall(kept), "remove the picture, and make it anew"


STYLE = re.compile("<style>.*?</style>", re.S)


def test_it_shows_the_point_of_the_refusal_in_both_versions() -> None:
    shown = handshake_picture.texts(handshake_picture.PICTURE.read_text(encoding="utf-8"))
    for words in (
        "ALERT fatal handshake_failure (40)",
        "ALERT fatal certificate_required (116)",
        "client: handshake call returned",
        "client: handshake call failed",
        "client: read failed",
    ):
        assert words in shown


def test_only_a_change_rewrites_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.svg"
    monkeypatch.setattr(sys, "argv", ["handshake_picture.py", str(path)])
    assert handshake_picture.main() == 0
    first = path.read_text(encoding="utf-8")
    handshake_picture.main()
    assert path.read_text(encoding="utf-8") == first, "times and sizes alone differ"
    path.write_text(first.replace("ClientHello", "Something"), encoding="utf-8")
    handshake_picture.main()
    assert "ClientHello" in path.read_text(encoding="utf-8")
