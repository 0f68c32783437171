"""Who is told that the server is closing, and who is not."""

from __future__ import annotations

from lab.http.shutdown_signal import ShutdownSignal


def test_all_who_asked_are_told() -> None:
    closing, told = ShutdownSignal(), list[str]()
    closing.tell(lambda: told.append("one"))
    closing.tell(lambda: told.append("other"))
    assert not closing.is_set() and not told
    closing.set()
    assert closing.is_set() and sorted(told) == ["one", "other"]


def test_who_is_forgotten_is_not_told() -> None:
    closing, told = ShutdownSignal(), list[str]()

    def leaving() -> None:
        told.append("left")
        closing.forget(leaving)

    def gone() -> None:
        told.append("gone")

    closing.tell(leaving)
    closing.tell(gone)
    closing.forget(gone)
    closing.forget(gone)
    closing.set()
    assert told == ["left"]
