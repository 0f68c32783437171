"""Shared by all tests: a set of certificates, and that CI skips nothing without a cause."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Page

from lab.http import log_entries
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from tests.support import starttls_servers
from tests.support.browser import GuardedPage, chromium, guarded_page
from tests.support.extent import Extent
from tests.support.harness import Identities, make_identities

# How fast the machine makes examples is no property of what is tested.
COMMON = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.register_profile("plain", COMMON, max_examples=25)
settings.register_profile("all", COMMON, max_examples=200)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run slow tests, and more of each kind")


def pytest_configure(config: pytest.Config) -> None:
    """With --all: run tests marked slow, more examples, and each command as a process."""
    everything = config.getoption("--all")
    settings.load_profile("all" if everything else "plain")
    Extent.full = everything
    if everything and config.option.markexpr == "not slow":
        config.option.markexpr = ""


# What CI's machine cannot have. Everything else that is skipped there is a defect.
CAUSES = (
    "needs Windows",
    "needs macOS",
    "needs Python ",
    "needs Go 1.27 or later",  # Debian has 1.19
    "deno is not installed",  # which Debian does not have
    "needs a user whom file modes can stop",
    "needs a user who may mount",
    "needs a user who may capture packets",
)


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lab's set, EC keys; not to be changed."""
    folder = tmp_path_factory.mktemp("lab") / "certs"
    write_set(folder, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
    return folder


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    """A server and clients, good and bad, with their files."""
    return make_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="session")
def postgresql_port(certs: Path) -> Iterator[int]:
    """A PostgreSQL server that wants the lab's client; it takes seconds to start."""
    with starttls_servers.postgresql(certs) as port:
        yield port


@pytest.fixture(scope="session")
def mariadb_port(certs: Path) -> Iterator[int]:
    """A MariaDB server that wants the lab's client; it takes seconds to start."""
    with starttls_servers.mariadb(certs) as port:
        yield port


@pytest.fixture(scope="session")
def postfix_port(certs: Path) -> Iterator[int]:
    """A Postfix SMTP server that wants the lab's client; it takes seconds to start."""
    with starttls_servers.postfix(certs) as port:
        yield port


@pytest.fixture(scope="session")
def slapd_port(certs: Path) -> Iterator[int]:
    """An OpenLDAP server that wants the lab's client."""
    with starttls_servers.slapd(certs) as port:
        yield port


@pytest.fixture(scope="session")
def dovecot_ports(certs: Path) -> Iterator[dict[str, int]]:
    """A Dovecot server that wants the lab's client at login."""
    with starttls_servers.dovecot(certs) as ports:
        yield ports


def pytest_collection_finish() -> None:
    """Spare the collector what lives until the end: the modules, and the tests themselves.

    Each ``gc.collect()`` of a test would walk through all of them, which takes 0.2 s.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one module, none of which may be asynchronous."""
    with chromium() as found:
        yield found


@pytest.fixture
def guarded(browser: Browser) -> Iterator[GuardedPage]:
    """A page in which nothing may happen that must not, and what has happened."""
    with browser.new_context() as context, guarded_page(context) as page:
        yield page


@pytest.fixture
def page(guarded: GuardedPage) -> Page:
    """A page in which no error, no dialog, and no request to elsewhere may happen."""
    return guarded.page


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    reasons = [str(report.longrepr[2]) for report in reporter.stats.get("skipped", [])]
    unnamed = [
        reason for reason in reasons if not reason.removeprefix("Skipped: ").startswith(CAUSES)
    ]
    if unnamed:
        reporter.write_line(f"CI skips without a named cause: {sorted(set(unnamed))}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def no_error_has_come_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test's first traceback logged, though another test has met the same error."""
    monkeypatch.setattr(log_entries, "_errors", {})
