"""Which callbacks are called when the server closes, and which are not."""

from __future__ import annotations

from lab.http.shutdown_signal import ShutdownSignal


def test_every_callback_is_called() -> None:
    closing, called = ShutdownSignal(), list[str]()
    closing.add_callback(lambda: called.append("one"))
    closing.add_callback(lambda: called.append("other"))
    assert not closing.is_set() and not called
    closing.set()
    assert closing.is_set() and sorted(called) == ["one", "other"]


def test_a_removed_callback_is_not_called() -> None:
    closing, called = ShutdownSignal(), list[str]()

    def remove_itself() -> None:
        called.append("removed itself")
        closing.remove_callback(remove_itself)

    def removed() -> None:
        called.append("removed")

    closing.add_callback(remove_itself)
    closing.add_callback(removed)
    closing.remove_callback(removed)
    closing.remove_callback(removed)
    closing.set()
    assert called == ["removed itself"]
