from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.tls.events import MessageSeen
from lab.tls.key_log import (
    MAX_UNCLAIMED,
    KeyRing,
    Secret,
    SecretLabel,
    parse_key_log,
)
from lab.tls.observer import Observer
from tests.tls.messages_table import RANDOM as HELLO_RANDOM
from tests.tls.sealing import SERVER, Tls13
from tests.tls.wire import extensions, handshake

RANDOM = bytes(range(32))
OTHER = bytes(32)
SECRET = b"s" * 48
LINE = f"CLIENT_RANDOM {RANDOM.hex()} {SECRET.hex()}"


def line(label: SecretLabel, random: bytes, secret: bytes = SECRET) -> str:
    return f"{label.value} {random.hex()} {secret.hex()}\n"


def test_every_label_is_read() -> None:
    text = "".join(line(label, RANDOM) for label in SecretLabel)
    assert list(parse_key_log(text)) == [(label, RANDOM, SECRET) for label in SecretLabel]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment",
        "#CLIENT_RANDOM " + LINE[14:],
        LINE + " more",
        LINE[:-1],
        LINE[:-2],
        LINE.replace("CLIENT_RANDOM", "client_random"),
        LINE.replace("CLIENT_RANDOM", "EXPORTER_SECRET"),
        LINE.replace("CLIENT_RANDOM", "RSA"),
        f"CLIENT_RANDOM {RANDOM.hex()}",
        f"CLIENT_RANDOM {RANDOM.hex()[:-2]} {SECRET.hex()}",
        f"CLIENT_RANDOM {RANDOM.hex()} ",
        f"CLIENT_RANDOM {RANDOM.hex()} {'zz' * 48}",
        f"CLIENT_RANDOM {RANDOM.hex()} {'00' * 1000}",
        "CLIENT_RANDOM " + "\x00" * 600,
        "\ud800 \udfff \x00",
    ],
)
def test_lines_that_hold_no_secret_are_passed_over(text: str) -> None:
    assert list(parse_key_log(text)) == []
    assert len(list(parse_key_log(f"{text}\n{LINE}\r\n{text}"))) == 1


def test_secrets_may_come_before_their_client_hello() -> None:
    ring = KeyRing()
    assert not ring.learn(LINE)
    assert ring.get(SecretLabel.CLIENT_RANDOM, RANDOM) is None
    ring.claim(RANDOM)
    assert ring.get(SecretLabel.CLIENT_RANDOM, RANDOM) == SECRET


def test_secrets_may_come_after_their_client_hello() -> None:
    ring = KeyRing()
    ring.claim(RANDOM)
    assert not ring.learn(line(SecretLabel.CLIENT_RANDOM, OTHER))
    assert ring.learn(LINE)
    assert ring.get(SecretLabel.CLIENT_RANDOM, RANDOM) == SECRET
    assert ring.get(SecretLabel.CLIENT_RANDOM, OTHER) is None


def test_unclaimed_secrets_are_bounded_and_the_newest_stay() -> None:
    ring = KeyRing()
    randoms = [number.to_bytes(32, "big") for number in range(MAX_UNCLAIMED + 1)]
    ring.learn("".join(line(SecretLabel.CLIENT_RANDOM, random) for random in randoms))
    for random in (randoms[0], randoms[1], randoms[-1]):
        ring.claim(random)
    assert ring.get(SecretLabel.CLIENT_RANDOM, randoms[0]) is None
    assert ring.get(SecretLabel.CLIENT_RANDOM, randoms[1]) == SECRET
    assert ring.get(SecretLabel.CLIENT_RANDOM, randoms[-1]) == SECRET


def test_only_the_newest_handshakes_of_a_connection_are_kept() -> None:
    ring = KeyRing()
    randoms = [number.to_bytes(32, "big") for number in range(10)]
    for random in randoms:
        ring.claim(random)
        ring.claim(random)
        ring.learn(line(SecretLabel.CLIENT_RANDOM, random))
    known = [ring.get(SecretLabel.CLIENT_RANDOM, random) is not None for random in randoms]
    assert known == [False] * 6 + [True] * 4


def test_secrets_are_asked_for_by_the_client_hello() -> None:
    asked: list[bytes] = []

    def secrets(client_random: bytes) -> Iterator[Secret]:
        asked.append(client_random)
        return parse_key_log(tls.key_log)

    tls = Tls13(Observer(secrets=secrets))
    tls.hellos(learn=False)
    events = tls.send(SERVER, "handshake", 22, handshake(8, extensions().data))
    assert [type(event) for event in events] == [MessageSeen]
    assert asked == [HELLO_RANDOM]
