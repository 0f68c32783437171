"""What the tests of the core share: identities, and the traces of RFC 8448."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import Identities, make_identities
from tests.tls.rfc8448 import TRACES, Trace


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return make_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture
def key_log(tmp_path: Path) -> Path:
    return tmp_path / "key.log"


@pytest.fixture(params=TRACES, ids=lambda trace: trace.title)
def trace(request: pytest.FixtureRequest) -> Trace:
    assert isinstance(request.param, Trace)
    return request.param
