"""What the tests of the faces share: identities, and a refusal in each version."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.tls.code_points import ProtocolVersion
from lab.tracing.results import Trace
from tests.support.harness import Identities
from tests.support.traces import handshake


@pytest.fixture
def refused12(identities: Identities, tmp_path: Path) -> Trace:
    return handshake(identities, tmp_path, ProtocolVersion.TLS_1_2)


@pytest.fixture
def refused13(identities: Identities, tmp_path: Path) -> Trace:
    return handshake(identities, tmp_path, ProtocolVersion.TLS_1_3)


@pytest.fixture
def accepted13(identities: Identities, tmp_path: Path) -> Trace:
    return handshake(identities, tmp_path, ProtocolVersion.TLS_1_3, identities.client)
