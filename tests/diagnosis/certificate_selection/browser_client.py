"""Chromium as a client that chooses its certificate by itself, where a policy lets it.

Its certificates are in the NSS database of the home folder; it drops those that do not fit the
request before a user, or the policy "AutoSelectCertificateForUrls", chooses among the rest.

This module must not know pytest: scripts/measure_clients.py uses it too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import BrowserContext, Error, sync_playwright

from tests.diagnosis.certificate_selection.clients import Files, nss_database
from tests.support.browser import FLAGS

_PATIENCE = 20_000.0  # milliseconds


class BrowserClient:
    """One browser for each set of certificates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: tuple[str, ...] | None = None
        self._stack = contextlib.ExitStack()
        self._context: BrowserContext | None = None

    def connect(self, port: int, ca: Path, at_hand: Sequence[Files]) -> str:
        """See ``MeasuredClient``."""
        names = tuple(files.name for files in at_hand)
        if self._context is None or names != self._names:
            self.close()
            self._context = self._start(ca, at_hand)
            self._names = names
        page = self._context.new_page()
        try:
            page.goto(f"https://localhost:{port}/", timeout=_PATIENCE)
        except Error as error:
            return error.message
        finally:
            page.close()
        return "ok"

    def close(self) -> None:
        """End the browser."""
        self._stack.close()
        self._context = None

    def _start(self, ca: Path, at_hand: Sequence[Files]) -> BrowserContext:
        home = self._folder / f"home-{'+'.join(files.name for files in at_hand)}"
        if not home.is_dir():
            (home / ".pki").mkdir(parents=True)
            shutil.copytree(nss_database(self._folder, ca, at_hand), home / ".pki" / "nssdb")
            _choose_anything(home / "profile")
        playwright = self._stack.enter_context(sync_playwright())
        context = playwright.chromium.launch_persistent_context(
            home / "profile",
            executable_path=shutil.which("chromium"),
            args=list(FLAGS),
            env={**os.environ, "HOME": str(home)},
        )
        self._stack.callback(context.close)
        return context


def _choose_anything(profile: Path) -> None:
    """Let the browser present what fits a request at any port of localhost, without asking."""
    any_certificate: dict[str, str] = {}
    chosen = {"https://localhost:*,*": {"setting": {"filters": [any_certificate]}}}
    exceptions = {"auto_select_certificate": chosen}
    preferences = {"profile": {"content_settings": {"exceptions": exceptions}}}
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps(preferences), encoding="utf-8")
