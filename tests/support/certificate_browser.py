"""Chromium as a user has it who has imported certificates: into the NSS database of a home folder.

Chromium looks for it in ``$HOME/.pki/nssdb``. The CA is trusted there as an import makes it, so no
error of certificates is ignored. Of the client's certificates, a setting of the profile makes
Chromium present one without asking: the one for which users can set a policy.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.support.browser import FLAGS, GuardedPage, guarded_page

PASSWORD = "changeit"


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name}: apt-get install {package}")
    return path


def import_files(home: Path, ca: Path, pfx: Path | None) -> None:
    """Make the database of ``home``, with a trusted CA and the client's PKCS#12 file."""
    folder = home / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    certutil, where = _tool("certutil", "libnss3-tools"), ["-d", f"sql:{folder}"]
    commands = [
        [certutil, *where, "-N", "--empty-password"],
        [certutil, *where, "-A", "-n", "lab CA", "-t", "C,,", "-i", str(ca)],
    ]
    if pfx is not None:
        pk12util = _tool("pk12util", "libnss3-tools")
        commands.append([pk12util, *where, "-i", str(pfx), "-W", PASSWORD, "-K", ""])
    for command in commands:
        subprocess.run(command, check=True, capture_output=True, timeout=30)


def _choose_at(profile: Path, origin: str) -> None:
    """Let Chromium present a certificate at ``origin`` without asking its user."""
    any_certificate: dict[str, str] = {}
    chosen = {f"{origin},*": {"setting": {"filters": [any_certificate]}}}
    exceptions = {"auto_select_certificate": chosen}
    preferences = {"profile": {"content_settings": {"exceptions": exceptions}}}
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps(preferences), encoding="utf-8")


@contextlib.contextmanager
def certificate_browser(
    home: Path, *, origin: str, ca: Path, pfx: Path | None
) -> Iterator[GuardedPage]:
    """A page of a browser that has imported ``ca`` and ``pfx``, and presents that at ``origin``."""
    chromium = _tool("chromium", "chromium")
    import_files(home, ca, pfx)
    profile = home / "profile"
    _choose_at(profile, origin)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=list(FLAGS),
            env={**os.environ, "HOME": str(home)},
        )
        try:
            with guarded_page(context) as page:
                yield page
        finally:
            context.close()
