from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, dataclass

import pytest

from lab.tls.events import Endpoint, MessageSeen, RecordSpan
from lab.tls.frozen_values import constructor
from lab.tls.messages import Finished, NewSessionTicket

SPAN = RecordSpan(offset=3, length=40)
MESSAGE = Finished(verify_data=b"v" * 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithDefaults:
    needed: int
    text: str = "as it is"


FIELDS: list[tuple[type, dict[str, object]]] = [
    (Finished, {"verify_data": b"v" * 12}),
    (NewSessionTicket, {"ticket_lifetime": 7, "ticket": b"t"}),
    (NewSessionTicket, {"ticket_lifetime": 7, "ticket": b"t", "ticket_nonce": b"n"}),
    (WithDefaults, {"needed": 1}),
    (
        MessageSeen,
        {
            "time": 1.5,
            "endpoint": Endpoint.CLIENT,
            "records": (SPAN,),
            "encrypted": True,
            "message": MESSAGE,
            "raw": b"\x14\0\0\x0cvvvvvvvvvvvv",
        },
    ),
]


@pytest.mark.parametrize(("kind", "fields"), FIELDS)
def test_what_is_constructed_is_what_the_class_makes(kind: type, fields: dict[str, object]) -> None:
    value, ordinary = constructor(kind)(**fields), kind(**fields)
    assert type(value) is kind
    assert value == ordinary
    assert hash(value) == hash(ordinary)
    assert repr(value) == repr(ordinary)
    assert copy.deepcopy(value) == ordinary


def test_it_is_frozen_and_can_be_pickled_and_replaced() -> None:
    value = constructor(Finished)(verify_data=b"v" * 12)
    with pytest.raises(FrozenInstanceError):
        value.verify_data = b""  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del value.verify_data
    assert value == MESSAGE
    assert pickle.loads(pickle.dumps(value)) == MESSAGE
    assert dataclasses.replace(value, verify_data=b"w") == Finished(verify_data=b"w")


@pytest.mark.parametrize(
    "fields", [{}, {"verify_data": b"v", "width": b"5"}], ids=["missing", "unknown"]
)
def test_it_takes_the_fields_of_the_class_and_no_others(fields: dict[str, bytes]) -> None:
    with pytest.raises(TypeError):
        constructor(Finished)(**fields)  # type: ignore[arg-type]
