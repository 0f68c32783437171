"""What the tests of the core share: identities, and the traces of RFC 8448."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tls.rfc8448 import TRACES, Trace


@pytest.fixture
def key_log(tmp_path: Path) -> Path:
    return tmp_path / "key.log"


@pytest.fixture(params=TRACES, ids=lambda trace: trace.title)
def trace(request: pytest.FixtureRequest) -> Trace:
    assert isinstance(request.param, Trace)
    return request.param
