"""A command that a tap is for: its words, its environment, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from lab.capture.results import Address
from lab.tracing.tap.tap_command import Destination, NoCommand, private_key_log, run_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

TAP = Address("127.0.0.1", 4000)
KEYS = Path("/private/keylog")


@pytest.mark.parametrize(
    ("name", "port", "url"),
    [
        ("", 443, "https://localhost:4000"),
        ("api.test", 443, "https://api.test"),
        ("api.test", 8443, "https://api.test:8443"),
    ],
)
def test_the_words_of_the_command(name: str, port: int, url: str) -> None:
    destination = Destination(tap=TAP, name=name, port=port, key_log=KEYS)
    words = destination.fill_in(["{url}/a", '{"port": "{port}"}', "{other}", "{keylog}{port}"])
    assert words == [f"{url}/a", '{"port": "4000"}', "{other}", f"{KEYS}4000"]


def test_where_secrets_go_is_in_the_environment() -> None:
    before = {"HOME": "/home", "NODE_OPTIONS": "--no-warnings", "SSLKEYLOGFILE": "other"}
    got = Destination(tap=TAP, name="", port=443, key_log=KEYS).environment(before)
    assert got == {
        "HOME": "/home",
        "SSLKEYLOGFILE": str(KEYS),
        "NODE_OPTIONS": f"--no-warnings --tls-keylog={KEYS}",
    }


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("::1", "https://localhost:4000"),
        ("0.0.0.0", "https://localhost:4000"),
        ("192.0.2.1", "https://192.0.2.1:4000"),
        ("2001:db8::1", "https://[2001:db8::1]:4000"),
    ],
)
def test_the_url_leads_to_where_the_tap_listens(host: str, url: str) -> None:
    tap = Address(host, 4000)
    assert Destination(tap=tap, name="", port=443, key_log=KEYS).url == url


def test_node_gets_a_folder_with_a_space_as_one_word() -> None:
    keys = Path('/a "b"/keylog')
    got = Destination(tap=TAP, name="", port=443, key_log=keys).environment({})
    assert got["NODE_OPTIONS"] == '"--tls-keylog=/a \\"b\\"/keylog"'


def test_with_a_name_the_tap_is_the_proxy() -> None:
    before = {"NO_PROXY": "*", "no_proxy": "localhost", "HTTPS_PROXY": "http://elsewhere"}
    destination = Destination(tap=TAP, name="api.test", port=443, key_log=KEYS)
    got = destination.environment(before)
    assert got["HTTPS_PROXY"] == got["https_proxy"] == "http://127.0.0.1:4000"
    assert "NO_PROXY" not in got and "no_proxy" not in got
    assert got["JAVA_TOOL_OPTIONS"] == "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4000"


def test_the_key_log_is_private_and_goes(tmp_path: Path) -> None:
    copy = tmp_path / "keys.log"
    copy.write_text("before\n")
    with private_key_log(copy) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.write_text("CLIENT_RANDOM\n")
    assert not path.parent.exists()
    assert copy.read_text() == "before\nCLIENT_RANDOM\n"
    new = tmp_path / "new.log"
    with private_key_log(new), private_key_log(None):
        pass
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_key_log_that_cannot_be_added_to_is_named() -> None:
    with (
        pytest.raises(OSError, match="No space left on device: '/dev/full'"),
        private_key_log(Path("/dev/full")) as path,
    ):
        path.write_text("CLIENT_RANDOM\n")
    assert not path.parent.exists()


def test_a_copy_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), private_key_log(tmp_path):
        raise AssertionError("not reached")


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


async def test_the_exit_code_is_the_commands() -> None:
    assert await run_command(script("raise SystemExit(7)"), os.environ) == 7
    killed = script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert await run_command(killed, os.environ) == 128 + signal.SIGKILL


@pytest.mark.parametrize("word", ["/no/such/command", "/", "with\0nul"])
async def test_a_command_that_cannot_be_started(word: str) -> None:
    with pytest.raises(NoCommand, match="name a command behind --"):
        await run_command([word], os.environ)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signals_are_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready"
    command = script(
        "import pathlib, signal\n"
        f"signal.signal({number.value}, lambda *_: exit(5))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "while True: signal.pause()"
    )
    before = signal.getsignal(number)
    running = asyncio.create_task(run_command(command, os.environ))
    while not ready.exists():
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(running, 20) == 5
    assert signal.getsignal(number) is before
