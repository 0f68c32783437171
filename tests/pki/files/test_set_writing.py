"""A set is on disk whole, or not at all, or visibly half replaced: whatever fails, and where."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import NameOID

from lab.pki.errors import (
    PlanError,
    SetExistsError,
    SetFaultyError,
    SetInterruptedError,
    SetWriteError,
)
from lab.pki.files import replace_files, set_writing
from lab.pki.files.lab_set import (
    LabSet,
    Role,
    SetPaths,
    load_set,
)
from lab.pki.files.set_writing import KeyType, SetPlan, ensure_set, make_set, write_set
from lab.pki.identity import KeyKind, PrivateKey, cached
from lab.pki.profiles import general_name
from tests.support.pki_fixtures import EC_PLAN, cached_keys, utc_now

NAMES = {"ca.crt", "ca.key", "server.crt", "server.key", "client.crt", "client.key", "client.pfx"}
OTHER_PLAN = SetPlan(key_type=KeyType.EC, client_cn="another client")


def write(folder: Path, plan: SetPlan = EC_PLAN, *, replace: bool = False) -> LabSet:
    return write_set(folder, plan, now=utc_now(), replace=replace, new_key=cached_keys())


def content(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden files included, by its relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"<folder>"
        for path in folder.rglob("*")
    }


def test_the_set_is_there_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "certs"
    written = write(folder)
    assert set(content(folder)) == NAMES
    assert load_set(folder, now=utc_now()) == written
    for role in Role:
        assert written.identity(role).chain_pem() == (folder / f"{role.value}.crt").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
def test_keys_are_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write(tmp_path)
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in NAMES}
    private = {name for name, mode in modes.items() if mode == 0o600}
    assert private == {"ca.key", "server.key", "client.key", "client.pfx"}
    assert {modes[name] for name in NAMES - private} == {0o666}


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("mine")
    write(tmp_path)
    write(tmp_path, replace=True)
    assert set(content(tmp_path)) == {*NAMES, "README"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_any_file_of_a_set_stops_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(SetExistsError, match=f"holds {name} already, and nothing was touched"):
        write(tmp_path)
    assert content(tmp_path) == {name: b"mine"}
    assert not ensure_set(tmp_path, now=utc_now())
    assert content(tmp_path) == {name: b"mine"}


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_a_dangling_link_stops_it(tmp_path: Path) -> None:
    (tmp_path / "ca.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SetExistsError):
        write(tmp_path)


def test_replacing(lab_folder: Path) -> None:
    old = load_set(lab_folder, now=utc_now())
    new = write(lab_folder, OTHER_PLAN, replace=True)
    assert set(content(lab_folder)) == NAMES
    assert load_set(lab_folder, now=utc_now()) == new != old


def test_replacing_what_is_incomplete_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_text("mine")
    written = write(tmp_path, replace=True)
    assert load_set(tmp_path, now=utc_now()) == written
    assert set(content(tmp_path)) == NAMES
    write(tmp_path / "new", replace=True)
    assert set(content(tmp_path / "new")) == NAMES


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "client.pfx").mkdir()
    with pytest.raises(
        SetWriteError, match=r"is a directory, where a file of the set belongs"
    ) as caught:
        write(tmp_path, replace=True)
    assert caught.value.path == tmp_path / "client.pfx"
    assert content(tmp_path) == {"client.pfx": b"<folder>"}


def test_a_file_instead_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SetWriteError, match="is not a directory"):
        write(tmp_path / "file")
    with pytest.raises(SetWriteError, match="cannot be written: ") as caught:
        write(tmp_path / "file" / "below")
    assert len(str(caught.value).splitlines()) == 1
    assert content(tmp_path) == {"file": b"mine"}


def test_a_faulty_set_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed(plan: SetPlan, **arguments: Any) -> LabSet:
        first, second = (make_set(plan, **arguments) for _ in range(2))
        return LabSet(ca=first.ca, server=first.server, client=second.client)

    monkeypatch.setattr(set_writing, "make_set", mixed)
    folder = tmp_path / "a" / "certs"
    with pytest.raises(SetFaultyError):
        write_set(folder, EC_PLAN, now=utc_now())
    assert content(tmp_path) == {}
    (tmp_path / "README").write_text("mine")
    with pytest.raises(SetFaultyError):
        write_set(tmp_path, EC_PLAN, now=utc_now(), replace=True)
    assert content(tmp_path) == {"README": b"mine"}


class Problem:
    """Stands in for a function of ``os`` and fails at one call, or from one call on."""

    def __init__(self, at: int, *, lasting: bool) -> None:
        self.at = at
        self.lasting = lasting
        self.calls = 0

    def around(self, function: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: Any, **options: Any) -> None:
            self.calls += 1
            if self.calls == self.at or (self.lasting and self.calls > self.at):
                raise PermissionError(13, "The file is open elsewhere", str(arguments[0]))
            function(*arguments, **options)

        return guarded

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "rename", self.around(os.rename))
        monkeypatch.setattr(os, "replace", self.around(os.replace))


MOVES_FIRST = 1 + 7 + 1  # the folder, the new files, the folder away
MOVES_AGAIN = 1 + 7 + 7 + 1  # and each old file aside


def test_the_number_of_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Problem(at=0, lasting=False)
    fault.install(monkeypatch)
    write(tmp_path)
    assert fault.calls == MOVES_FIRST
    write(tmp_path, replace=True)
    assert fault.calls == MOVES_FIRST + MOVES_AGAIN


@pytest.mark.parametrize("at", range(1, MOVES_FIRST + 1))
def test_a_move_fails_the_first_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    Problem(at=at, lasting=False).install(monkeypatch)
    with pytest.raises(SetWriteError, match="The file is open elsewhere"):
        write(tmp_path / "certs")
    assert content(tmp_path) == {}


@pytest.mark.parametrize("at", range(1, MOVES_AGAIN + 1))
def test_a_move_fails_while_replacing(
    lab_folder: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = content(lab_folder)
    Problem(at=at, lasting=False).install(monkeypatch)
    with pytest.raises(SetWriteError, match="The file is open elsewhere"):
        write(lab_folder, OTHER_PLAN, replace=True)
    assert content(lab_folder) == before


@pytest.mark.parametrize("at", range(2, MOVES_AGAIN + 1))
def test_the_process_dies_while_replacing(
    lab_folder: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    old = load_set(lab_folder, now=utc_now())
    with monkeypatch.context() as patch:
        # From this move on nothing works any more, undoing included: what a crash leaves.
        Problem(at=at, lasting=True).install(patch)
        with pytest.raises(SetWriteError):
            write(lab_folder, OTHER_PLAN, replace=True)
    with pytest.raises(SetInterruptedError):
        load_set(lab_folder, now=utc_now())
    with pytest.raises(SetInterruptedError, match=r"--force"):
        write(lab_folder)
    assert not ensure_set(lab_folder, now=utc_now())
    new = write(lab_folder, replace=True)
    assert load_set(lab_folder, now=utc_now()) == new != old
    assert set(content(lab_folder)) == NAMES


def test_an_interrupted_set_is_completed_before_it_is_replaced(
    lab_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Problem(at=6, lasting=True).install(patch)
        with pytest.raises(SetWriteError):
            write(lab_folder, OTHER_PLAN, replace=True)
    # The next one fails too, but only at its own first move.
    Problem(at=1 + (MOVES_AGAIN - 1 - 4) + 1, lasting=False).install(monkeypatch)
    with pytest.raises(SetWriteError):
        write(lab_folder, replace=True)
    client = load_set(lab_folder, now=utc_now()).client.certificate
    assert client.subject.rfc4514_string() == "CN=another client"
    assert set(content(lab_folder)) == NAMES


def test_another_process_is_quicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(plan: SetPlan, **arguments: Any) -> LabSet:
        monkeypatch.undo()
        write(tmp_path, OTHER_PLAN)
        return make_set(plan, **arguments)

    monkeypatch.setattr(set_writing, "make_set", slow)
    with pytest.raises(SetExistsError):
        write(tmp_path)
    client = load_set(tmp_path, now=utc_now()).client.certificate
    assert client.subject.rfc4514_string() == "CN=another client"
    assert set(content(tmp_path)) == NAMES


def test_another_process_is_in_the_midst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(plan: SetPlan, **arguments: Any) -> LabSet:
        pending = SetPaths(directory=tmp_path).pending
        pending.mkdir()
        (pending / "ca.crt").write_text("theirs")
        return make_set(plan, **arguments)

    monkeypatch.setattr(set_writing, "make_set", slow)
    with pytest.raises(SetInterruptedError):
        write(tmp_path)
    assert set(content(tmp_path)) == {".incoming", os.path.join(".incoming", "ca.crt")}


def test_ensure_makes_a_set_once(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    assert ensure_set(folder, now=utc_now(), plan=EC_PLAN)
    before = content(folder)
    assert not ensure_set(folder, now=utc_now(), plan=EC_PLAN)
    assert content(folder) == before


def test_ensure_leaves_it_to_a_quicker_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(plan: SetPlan, **arguments: Any) -> LabSet:
        monkeypatch.undo()
        write(tmp_path)
        return make_set(plan, **arguments)

    monkeypatch.setattr(set_writing, "make_set", slow)
    assert not ensure_set(tmp_path, now=utc_now(), plan=EC_PLAN)


def test_a_new_folder_stays_for_what_others_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        (tmp_path / "certs" / "README").write_text("mine")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(set_writing, "write_private", fail)
    with pytest.raises(SetWriteError, match="cannot be written: No space left on device"):
        write(tmp_path / "certs")
    assert content(tmp_path / "certs") == {"README": b"mine"}


def test_interrupted_by_the_user(lab_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(lab_folder)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replace_files, "_move_in", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(lab_folder, replace=True)
    assert content(lab_folder) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"client_cn": ""}, "is empty"),
        ({"client_cn": "  "}, "is empty"),
        ({"client_cn": "a\0b"}, "control characters"),
        ({"client_cn": "a\x1b[31m"}, "control characters"),
        ({"client_cn": "a\u202eb"}, "control characters"),
        ({"client_cn": "\udc80"}, "control characters"),
        ({"client_cn": "x" * 65}, "takes 65 bytes"),
        ({"client_cn": "ñ" * 33}, "takes 66 bytes"),
        ({"days": 0}, "a lifetime of 0 days"),
        ({"days": -1}, "a lifetime of -1 days"),
        ({"days": 3651}, "no certificate outlives its CA"),
        ({"days": 10**30}, "is not possible"),
        ({"pfx_password": ""}, "is empty"),
        ({"pfx_password": "a\nb"}, "control characters"),
        ({"pfx_password": "\udc80"}, "control characters"),
    ],
)
def test_plans_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanError, match=reason) as caught:
        SetPlan(**change)
    assert "\n" not in str(caught.value)


def test_given_names_come_behind_the_local_ones_once() -> None:
    plan = SetPlan(hostnames=("todo.test", "LOCALHOST", "0:0::1", "todo.test"))
    assert plan.server_names() == tuple(
        general_name(each) for each in ("localhost", "127.0.0.1", "::1", "todo.test")
    )


@pytest.mark.parametrize("name", ["x" * 64, "ñ" * 32, "Añadir 待办", 'O\'Brien, "Bob" <b@x>'])
def test_client_names_survive(name: str) -> None:
    made = make_set(
        SetPlan(key_type=KeyType.EC, client_cn=name), now=utc_now(), new_key=cached_keys()
    )
    (attribute,) = made.client.certificate.subject
    assert (attribute.oid, attribute.value) == (NameOID.COMMON_NAME, name)


@pytest.mark.parametrize(
    ("key_type", "kinds"),
    [
        (KeyType.RSA, [KeyKind.RSA_4096, KeyKind.RSA_2048, KeyKind.RSA_2048]),
        (KeyType.EC, [KeyKind.EC_P256, KeyKind.EC_P256, KeyKind.EC_P256]),
    ],
)
def test_keys_are_of_the_promised_kinds(key_type: KeyType, kinds: list[KeyKind]) -> None:
    asked: list[KeyKind] = []

    def new_key(kind: KeyKind) -> PrivateKey:
        asked.append(kind)
        return cached(KeyKind.EC_P256, len(asked))

    make_set(SetPlan(key_type=key_type), now=utc_now(), new_key=new_key)
    assert asked == kinds


def test_nothing_outlives_the_authority() -> None:
    made = make_set(SetPlan(key_type=KeyType.EC, days=3650), now=utc_now(), new_key=cached_keys())
    end = made.ca.certificate.not_valid_after_utc
    assert made.server.certificate.not_valid_after_utc == end
    assert made.client.certificate.not_valid_after_utc == end
