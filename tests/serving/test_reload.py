"""Files that change under a running server: what new connections meet, and what is said of it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import ssl
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from lab.http import log_entries
from lab.pki.identity import KeyKind, cached, certificates_pem
from lab.serving.lab_server import TodoServer
from lab.serving.process import server_health
from lab.serving.reload import Reloader
from lab.serving.server_files import Loaded, ServerFiles
from lab.tls.events import MessageSeen
from tests.support.pki_fixtures import new_authority, utc_now
from tests.support.reloading import (
    DAY,
    IN_USE,
    AcceptedClient,
    Lab,
    ReloadingServer,
    new_lab,
    refusal,
    reloading_server,
)
from tests.support.serving import blocking, client_tls, in_thread


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return new_lab(tmp_path)


async def assert_shown(kept: ReloadingServer, lab: Lab, serial: int) -> None:
    """A new connection is answered, under the server certificate of this serial number."""

    def visit() -> int:
        with AcceptedClient(kept.port, client_tls(lab.folder)) as it:
            return it.shown.serial_number

    assert await in_thread(visit) == serial


async def test_files_that_do_not_change_are_not_loaded(lab: Lab) -> None:
    async with reloading_server(lab) as kept:
        assert await kept.reload_checks(3) == []


async def test_a_new_server_certificate_is_for_new_connections_only(lab: Lab) -> None:
    context, old = client_tls(lab.folder), lab.served.serial_number
    async with reloading_server(lab) as kept:
        with await in_thread(lambda: AcceptedClient(kept.port, context)) as early:
            lab.new_server()
            new = lab.served.serial_number
            (line,) = await kept.reload_checks(2)
            assert f"in use: subject='CN=localhost' serial={new:#x} until " in line
            assert "| 1 trusted CA | revocation not checked" in line
            await assert_shown(kept, lab, new)
            await in_thread(early.get)
            assert early.shown.serial_number == old != new


async def test_a_set_is_left_alone_until_it_stands_still(lab: Lab) -> None:
    """The certificate comes first, its key two looks later: in between they do not fit."""
    old = lab.served.serial_number
    async with reloading_server(lab) as kept:
        lab.new_server()
        for _ in range(3):
            lab.server_crt.touch()
            assert await kept.reload_checks(1) == []
            await assert_shown(kept, lab, old)
        assert len(await kept.reload_checks(1)) == 1
        await assert_shown(kept, lab, lab.served.serial_number)


async def test_what_changes_while_it_is_loaded_is_loaded_again(lab: Lab) -> None:
    changes: list[Callable[[], None]] = []

    def clock() -> datetime:  # which is asked between the look and the loading
        while changes:
            changes.pop()()
        return utc_now()

    async with reloading_server(lab, clock=clock) as kept:
        lab.new_server()
        await kept.reload_checks(1)
        changes.append(lab.server_key.unlink)
        # Neither does it use the half of it, nor call it broken.
        assert await kept.reload_checks(1) == []
        lab.new_server()
        (line,) = await kept.reload_checks(2)
        assert f"{lab.served.serial_number:#x}" in line


async def test_a_new_ca_is_the_one_whose_clients_are_served(lab: Lab, tmp_path: Path) -> None:
    before = Lab(Path(shutil.copytree(lab.folder, tmp_path / "before")))
    async with reloading_server(lab) as kept:
        lab.new_set()
        (line,) = await kept.reload_checks(2)
        assert IN_USE in line
        await assert_shown(kept, lab, lab.served.serial_number)
        stranger = client_tls(before.folder)
        stranger.load_verify_locations(cafile=lab.folder / "ca.crt")
        reason = await in_thread(lambda: refusal(kept.port, stranger))
    assert reason == "TLSV1_ALERT_UNKNOWN_CA"


def weak_key(lab: Lab) -> None:
    lab.new_server(key=cached(KeyKind.RSA_1024))


def another_key(lab: Lab) -> None:
    shutil.copy(lab.folder / "client.key", lab.server_key)


def being_replaced(lab: Lab) -> None:
    (lab.folder / ".incoming").mkdir()


def list_of_another_ca(lab: Lab) -> None:
    lab.new_list(authority=new_authority(utc_now(), name="Another CA"))


def delta_list(lab: Lab) -> None:
    """One that OpenSSL reads, and does not use."""
    issuer = lab.authority.identity
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(utc_now() - DAY)
        .next_update(utc_now() + DAY)
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
    )
    lab.crl.write_bytes(builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM))


BREAKS = pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (lambda lab: lab.server_crt.write_bytes(b"!"), "server.crt: contains no PEM certificate"),
        (
            lambda lab: lab.server_crt.write_bytes(b""),
            "server.crt: contains no PEM certificate but ",
        ),
        (lambda lab: lab.server_crt.unlink(), "server.crt: no such file."),
        (lambda lab: lab.server_key.unlink(), "server.key: no such file."),
        (
            lambda lab: (lab.folder / "ca.crt").write_bytes(b""),
            "ca.crt: contains no PEM certificate",
        ),
        (lambda lab: lab.new_server(now=utc_now() - 4000 * DAY), "server.crt: expired at"),
        (another_key, "server.key: the private key does not belong to the certificate"),
        (weak_key, "server.crt: OpenSSL cannot use this certificate, its key or its CAs: "),
        (being_replaced, "certs: this set is being replaced"),
        (lambda lab: lab.crl.write_bytes(b""), "lab.crl: contains no PEM CRL"),
        (lambda lab: lab.crl.unlink(), "lab.crl: no such file."),
        (lambda lab: lab.new_list(lifetime=DAY / 2), "lab.crl: the CRL expired at"),
        (
            list_of_another_ca,
            "(the first one is issued by 'CN=Another CA'); with it, every client would",
        ),
        (delta_list, "lab.crl: OpenSSL does not use the CRL of"),
    ],
)


@BREAKS
async def test_a_broken_file_changes_nothing_and_is_told_once(
    lab: Lab, breaks: Callable[[Lab], None], says: str
) -> None:
    old = lab.served.serial_number
    lab.new_list()
    async with reloading_server(lab, crl=lab.crl) as kept:
        breaks(lab)
        (line,) = await kept.reload_checks(2)
        assert line.startswith(
            f"CERTIFICATES | keeping the current certificates: {lab.folder.parent}"
        )
        assert says in line
        assert await kept.reload_checks(3) == []
        assert await kept.requested_reload() == [line]
        client = client_tls(lab.folder) if (lab.folder / "ca.crt").stat().st_size else None
        if client is not None:
            (await in_thread(lambda: AcceptedClient(kept.port, client))).tls.close()
        with contextlib.suppress(FileNotFoundError):
            (lab.folder / ".incoming").rmdir()
        lab.new_set()
        lab.new_list()
        (mended,) = await kept.reload_checks(2)
        assert f"serial={lab.served.serial_number:#x}" in mended
        await assert_shown(kept, lab, lab.served.serial_number)
    assert lab.served.serial_number != old


async def test_the_same_file_put_back_is_told_too(lab: Lab, tmp_path: Path) -> None:
    async with reloading_server(lab) as kept:
        lab.server_key.rename(tmp_path / "aside")
        assert "keeping the current certificates" in (await kept.reload_checks(2))[0]
        (tmp_path / "aside").rename(lab.server_key)
        (line,) = await kept.reload_checks(2)
        assert IN_USE in line


async def test_a_fault_of_the_clock_is_tried_again(lab: Lab) -> None:
    """The text tells the time, and so differs with every look; it is the same fault."""
    offset = 0 * DAY
    async with reloading_server(lab, clock=lambda: utc_now() + offset) as kept:
        lab.new_server(now=utc_now() + 2 * DAY)
        (line,) = await kept.reload_checks(2)
        assert "is not valid before" in line
        offset = DAY
        assert await kept.reload_checks(2) == []
        offset = 3 * DAY
        assert IN_USE in (await kept.reload_checks(1))[0]


async def test_a_context_that_cannot_be_taken_is_tried_again(lab: Lab) -> None:
    taken: list[Loaded] = []

    def full(_: Loaded) -> None:
        raise OSError(24, "Too many open files")

    async with reloading_server(lab) as kept:
        lab.new_server()
        for _ in range(4):
            await kept.renewal.look(full)
        (line,) = kept.lines.all()
        assert "keeping the current certificates: [Errno 24] Too many open files" in line
        await kept.renewal.look(taken.append)
    assert len(taken) == 1


async def test_a_fault_of_the_system_is_not_said_to_be_the_files(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    async with reloading_server(lab) as kept:
        lab.new_server()
        with monkeypatch.context() as patch:
            patch.setattr("lab.serving.server_files.server_contexts", full)
            (line,) = await kept.reload_checks(3)
        assert line.endswith(
            "[Errno 28] No space left on device. Check disk space, memory and the limit of open "
            "files."
        )
        assert IN_USE in (await kept.reload_checks(1))[0]


async def test_a_bug_is_told_with_its_traceback_and_looking_goes_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    async with reloading_server(lab) as kept:
        lab.new_server()
        with monkeypatch.context() as patch:
            patch.setattr("lab.serving.server_files.load_role", bug)
            assert len(await kept.reload_checks(4)) == 1
        (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError
        assert IN_USE in (await kept.reload_checks(1))[0]


async def test_the_end_of_a_list_in_use_is_told_once(lab: Lab) -> None:
    offset = 0 * DAY
    lab.new_list(lifetime=3 * DAY)
    async with reloading_server(lab, crl=lab.crl, clock=lambda: utc_now() + offset) as kept:
        assert await kept.reload_checks(1) == []
        offset = 3 * DAY
        (line,) = await kept.reload_checks(3)
        assert "a CRL expired at " in line
        assert line.endswith(f"its CA; put a current one into {lab.crl}")
        offset = 0 * DAY
        lab.new_list()
        assert "CRL: 0 revoked, until" in (await kept.reload_checks(2))[0]


async def test_a_ca_without_a_list_is_named(lab: Lab) -> None:
    other = new_authority(utc_now(), name="Another CA").identity.certificate
    lab.new_list(7)
    async with reloading_server(lab, crl=lab.crl) as kept:
        ca = lab.folder / "ca.crt"
        ca.write_bytes(ca.read_bytes() + certificates_pem((other,)))
        (line,) = await kept.reload_checks(2)
        assert "| 2 trusted CAs | CRL: 1 revoked, until " in line
        assert line.endswith("| no current CRL of 'CN=Another CA': rejecting its clients")


async def test_it_runs_beside_the_server(lab: Lab) -> None:
    async with reloading_server(lab) as kept:
        with kept.renewal.running(kept.use):
            lab.new_server()
            assert f"serial={lab.served.serial_number:#x}" in await kept.lines.next()
            kept.renewal.ask()
            assert IN_USE in await kept.lines.next()


async def test_handshakes_are_decoded_across_a_reload(lab: Lab) -> None:
    """One that has begun with the old context, and one with the new: all messages have names."""
    async with reloading_server(lab) as kept:
        early = blocking(kept.port, client_tls(lab.folder))
        while not kept.events:
            await asyncio.sleep(0)
        lab.new_server()
        await kept.reload_checks(2)

        def late() -> None:
            with early:
                early.do_handshake()
                early.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert early.recv(65536).startswith(b"HTTP/1.1 200 ")

        await in_thread(late)
        await assert_shown(kept, lab, lab.served.serial_number)
    for events in kept.events:
        seen = [type(each.message).__name__ for each in events if isinstance(each, MessageSeen)]
        assert seen.count("CertificateVerify") == seen.count("Finished") == 2, seen


def contexts() -> int:
    gc.collect()
    return sum(type(each) is ssl.SSLContext for each in gc.get_objects())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
async def test_many_reloads_leave_nothing_behind(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_entries.LOGGER, "propagate", False)  # or every line would be kept
    # A worker thread lets go of a result only after the loop has it: with one worker, what it ran
    # before is gone when it runs the next.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    lab.new_list()
    async with reloading_server(lab, crl=lab.crl) as kept:
        context = client_tls(lab.folder)
        with await in_thread(lambda: AcceptedClient(kept.port, context)) as early:
            marks, sizes, threads = [], [], threading.active_count()
            for _ in range(3):
                for _ in range(100):
                    assert len(await kept.requested_reload()) == 1
                marks.append((await in_thread(contexts), descriptors()))
                sizes.append(resident())
            assert threading.active_count() == threads
            await in_thread(early.get)
        await assert_shown(kept, lab, lab.served.serial_number)
    assert marks[0] == marks[1] == marks[2]
    # 200 contexts, each with a CA and a list, would be 5 MiB.
    assert sizes[2] - sizes[0] < 3 << 20


async def test_health_tells_of_a_certificate_that_has_expired(lab: Lab) -> None:
    now = [utc_now()]
    reloader = Reloader(ServerFiles(directory=lab.folder), clock=lambda: now[0])
    server = TodoServer(reloader.load().tls)
    await server.open("127.0.0.1", 0)
    assert (await server_health(server, reloader)).status == "ok"
    end = now[0] = lab.served.not_valid_after_utc + timedelta(seconds=1)
    health = await server_health(server, reloader)
    assert health.status == "certificate_expired"
    assert f"expired at {end - timedelta(seconds=1):%Y-%m-%d %H:%M:%S} UTC" in health.message
    await server.close()
