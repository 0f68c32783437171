"""The order of messages, state by state."""

from __future__ import annotations

import pytest

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    CompressionMethod,
    HandshakeType,
    ProtocolVersion,
)
from lab.tls.events import Endpoint
from lab.tls.extensions import SelectedPsk
from lab.tls.order import (
    RECEIVES,
    SENDS,
    TLS12_CLIENT,
    TLS12_SERVER,
    TLS13_CLIENT,
    TLS13_SERVER,
    Order,
    State,
    Step,
    Table,
    step_of,
)
from tests.tls.messages_table import CASES

C, S = Endpoint.CLIENT, Endpoint.SERVER
Script = list[tuple[Endpoint, Step]]

HELLOS: Script = [(C, Step.CLIENT_HELLO), (S, Step.SERVER_HELLO)]
SERVER_FLIGHT: Script = [
    (S, Step.ENCRYPTED_EXTENSIONS),
    (S, Step.CERTIFICATE_REQUEST),
    (S, Step.CERTIFICATE),
    (S, Step.CERTIFICATE_VERIFY),
    (S, Step.FINISHED),
]
CLIENT_FLIGHT: Script = [
    (C, Step.CERTIFICATE),
    (C, Step.CERTIFICATE_VERIFY),
    (C, Step.FINISHED),
]
MUTUAL13: Script = HELLOS + SERVER_FLIGHT + CLIENT_FLIGHT
RESUMED13: Script = [
    (C, Step.CLIENT_HELLO),
    (S, Step.SERVER_HELLO_WITH_PSK),
    (S, Step.ENCRYPTED_EXTENSIONS),
    (S, Step.FINISHED),
]
RETRY13: Script = [
    (C, Step.CLIENT_HELLO),
    (S, Step.HELLO_RETRY_REQUEST),
    (S, Step.CHANGE_CIPHER_SPEC),
    (C, Step.CHANGE_CIPHER_SPEC),
]
MUTUAL12: Script = [
    *HELLOS,
    (S, Step.CERTIFICATE),
    (S, Step.SERVER_KEY_EXCHANGE),
    (S, Step.CERTIFICATE_REQUEST),
    (S, Step.SERVER_HELLO_DONE),
    (C, Step.CERTIFICATE),
    (C, Step.CLIENT_KEY_EXCHANGE),
    (C, Step.CERTIFICATE_VERIFY),
    (C, Step.CHANGE_CIPHER_SPEC),
    (C, Step.FINISHED),
    (S, Step.NEW_SESSION_TICKET),
    (S, Step.CHANGE_CIPHER_SPEC),
    (S, Step.FINISHED),
]
RESUMED12: Script = [
    *HELLOS,
    (S, Step.NEW_SESSION_TICKET),
    (S, Step.CHANGE_CIPHER_SPEC),
    (S, Step.FINISHED),
    (C, Step.CHANGE_CIPHER_SPEC),
    (C, Step.FINISHED),
]

LEGAL13: dict[str, Script] = {
    "mutual": MUTUAL13,
    "no client certificate": HELLOS
    + SERVER_FLIGHT
    + [(C, Step.EMPTY_CERTIFICATE), (C, Step.FINISHED)],
    "server only": HELLOS
    + [step for step in SERVER_FLIGHT if step[1] is not Step.CERTIFICATE_REQUEST]
    + [(C, Step.FINISHED)],
    "retry": RETRY13 + MUTUAL13,
    "retry to a resumption": RETRY13 + RESUMED13 + [(C, Step.FINISHED)],
    "early data": [*RESUMED13, (C, Step.END_OF_EARLY_DATA), (C, Step.FINISHED)],
    "middlebox compatibility": [
        *HELLOS,
        (S, Step.CHANGE_CIPHER_SPEC),
        *SERVER_FLIGHT,
        (C, Step.CHANGE_CIPHER_SPEC),
        *CLIENT_FLIGHT,
    ],
    "after the handshake": [
        *MUTUAL13,
        (S, Step.NEW_SESSION_TICKET),
        (C, Step.KEY_UPDATE),
        (S, Step.KEY_UPDATE),
        (S, Step.CERTIFICATE_REQUEST),
        (C, Step.KEY_UPDATE),
        *CLIENT_FLIGHT,
        (S, Step.CERTIFICATE_REQUEST),
        (C, Step.EMPTY_CERTIFICATE),
        (C, Step.FINISHED),
        (S, Step.NEW_SESSION_TICKET),
    ],
    "ticket before the client has finished": [
        *HELLOS,
        *SERVER_FLIGHT,
        (S, Step.NEW_SESSION_TICKET),
        *CLIENT_FLIGHT,
        (S, Step.NEW_SESSION_TICKET),
    ],
}
LEGAL12: dict[str, Script] = {
    "mutual": MUTUAL12,
    "no client certificate": [
        (sender, Step.EMPTY_CERTIFICATE if (sender, step) == (C, Step.CERTIFICATE) else step)
        for sender, step in MUTUAL12
        if step is not Step.CERTIFICATE_VERIFY
    ],
    "server only, RSA": [
        *HELLOS,
        (S, Step.CERTIFICATE),
        (S, Step.CERTIFICATE_STATUS),
        (S, Step.SERVER_HELLO_DONE),
        (C, Step.CLIENT_KEY_EXCHANGE),
        (C, Step.CHANGE_CIPHER_SPEC),
        (C, Step.FINISHED),
        (S, Step.CHANGE_CIPHER_SPEC),
        (S, Step.FINISHED),
    ],
    "anonymous": [
        *HELLOS,
        (S, Step.SERVER_KEY_EXCHANGE),
        (S, Step.SERVER_HELLO_DONE),
        (C, Step.CLIENT_KEY_EXCHANGE),
        (C, Step.CHANGE_CIPHER_SPEC),
        (C, Step.FINISHED),
        (S, Step.CHANGE_CIPHER_SPEC),
        (S, Step.FINISHED),
    ],
    "resumed": RESUMED12,
    "renegotiated": [
        (S, Step.HELLO_REQUEST),
        *MUTUAL12,
        (S, Step.HELLO_REQUEST),
        *MUTUAL12,
        *RESUMED12,
    ],
}
LEGAL = [
    *(pytest.param(True, script, id=f"1.3 {name}") for name, script in LEGAL13.items()),
    *(pytest.param(False, script, id=f"1.2 {name}") for name, script in LEGAL12.items()),
]


def judge(tls13: bool, script: Script) -> list[bool]:
    order = Order()
    verdicts = []
    for sender, step in script:
        if sender is S:
            order.choose(tls13=tls13)
        verdicts.append(order.take(sender, step))
    return verdicts


@pytest.mark.parametrize(("tls13", "script"), LEGAL)
def test_legal_order(tls13: bool, script: Script) -> None:
    assert all(judge(tls13, script))


# After these, the rest of the script is judged by other rules: their absence is legal too.
OPTIONAL = {
    Step.HELLO_REQUEST,
    Step.HELLO_RETRY_REQUEST,
    Step.CHANGE_CIPHER_SPEC,
    Step.NEW_SESSION_TICKET,
    Step.KEY_UPDATE,
    Step.CERTIFICATE_STATUS,
    Step.END_OF_EARLY_DATA,
}


@pytest.mark.parametrize(
    ("tls13", "script"),
    [pytest.param(True, MUTUAL13, id="1.3"), pytest.param(False, MUTUAL12, id="1.2")],
)
def test_a_message_left_out_is_seen_at_the_next(tls13: bool, script: Script) -> None:
    for place, (sender, step) in enumerate(script):
        if step in OPTIONAL - {Step.CHANGE_CIPHER_SPEC}:
            continue
        shorter = script[:place] + script[place + 1 :]
        following = [at for at, item in enumerate(shorter) if at >= place]
        verdicts = judge(tls13, shorter)
        assert all(verdicts[:place])
        if step is Step.CERTIFICATE_REQUEST:  # then it is the answer that is out of order
            following = [at for at in following if shorter[at][0] is not sender]
        optional = {
            (S, Step.CERTIFICATE),  # an anonymous key exchange sends none
            (S, Step.SERVER_KEY_EXCHANGE),  # nor RSA key exchange this
            (C, Step.CERTIFICATE_VERIFY),  # nor a fixed Diffie-Hellman certificate this
        }
        if following and not (not tls13 and (sender, step) in optional):
            assert not all(verdicts), (step, verdicts)


@pytest.mark.parametrize(
    ("tls13", "script"),
    [pytest.param(True, MUTUAL13, id="1.3"), pytest.param(False, MUTUAL12, id="1.2")],
)
def test_a_message_sent_twice_is_out_of_order_and_told_once(tls13: bool, script: Script) -> None:
    for place, (sender, step) in enumerate(script):
        if step is Step.NEW_SESSION_TICKET:
            continue
        longer = [*script[: place + 1], (sender, step), *script[place + 1 :]]
        verdicts = judge(tls13, longer)
        assert verdicts.index(False) == place + 1, step
        assert verdicts.count(False) == 1, (step, verdicts)


@pytest.mark.parametrize(
    ("tls13", "endpoint", "table"),
    [
        pytest.param(True, C, TLS13_CLIENT, id="TLS 1.3 client"),
        pytest.param(True, S, TLS13_SERVER, id="TLS 1.3 server"),
        pytest.param(False, C, TLS12_CLIENT, id="TLS 1.2 client"),
        pytest.param(False, S, TLS12_SERVER, id="TLS 1.2 server"),
    ],
)
def test_in_every_state_the_table_and_nothing_else_is_legal(
    tls13: bool, endpoint: Endpoint, table: Table
) -> None:
    """Each state is reached by the table's own shortest way, then each step is tried in it."""
    ways: dict[State, Script] = {State.START: []}
    todo = [State.START]
    for state in todo:
        for origin, move, step, following in table:
            if origin is state and following not in ways:
                sender = endpoint if move is SENDS else endpoint.other
                ways[following] = [*ways[state], (sender, step)]
                todo.append(following)
    assert {transition.state for transition in table} <= set(ways)
    for state, way in ways.items():
        legal = {step for origin, move, step, _ in table if origin is state and move is SENDS}
        for step in Step:
            order = Order()
            order.choose(tls13=tls13)
            for item in way:
                order.take(*item)
            assert order.take(endpoint, step) == (step in legal), (state, step)


@pytest.mark.parametrize("table", [TLS13_CLIENT, TLS13_SERVER, TLS12_CLIENT, TLS12_SERVER])
def test_a_table_has_one_way_from_each_state_by_each_step(table: Table) -> None:
    keys = [transition[:3] for transition in table]
    assert len(keys) == len(set(keys))
    assert {transition.move for transition in table} <= {SENDS, RECEIVES}


def test_before_the_version_is_known_a_client_hello_leads_to_the_same_state() -> None:
    for tls12, tls13 in ((TLS12_CLIENT, TLS13_CLIENT), (TLS12_SERVER, TLS13_SERVER)):
        first = [t for t in tls13 if t.state is State.START and t.step is Step.CLIENT_HELLO]
        assert first[0] in tls12


def test_after_a_message_that_was_not_read_nothing_is_judged() -> None:
    order = Order()
    assert not order.take(S, Step.FINISHED)
    order.suspend()
    assert order.take(S, Step.FINISHED)


def test_change_cipher_spec_of_tls13_is_legal_until_finished() -> None:
    """RFC 9846 section 5."""
    early = judge(True, [(C, Step.CHANGE_CIPHER_SPEC)])
    late = judge(True, [*MUTUAL13, (C, Step.CHANGE_CIPHER_SPEC), (S, Step.CHANGE_CIPHER_SPEC)])
    assert early == [False]
    assert late[-2:] == [False, False]


def test_every_message_is_a_step() -> None:
    steps = {case.name: step_of(case.message) for case in CASES}
    assert set(steps.values()) >= set(Step) - {
        Step.CHANGE_CIPHER_SPEC,
        Step.SERVER_HELLO_WITH_PSK,
        Step.SERVER_HELLO,
    }
    assert steps["empty Certificate"] is Step.EMPTY_CERTIFICATE
    assert steps["Certificate of TLS 1.3"] is Step.CERTIFICATE
    assert steps["CompressedCertificate"] is Step.CERTIFICATE
    assert steps["CompressedCertificate by brotli"] is Step.CERTIFICATE
    assert steps["unknown message"] is Step.OTHER


def test_an_empty_certificate_may_be_compressed() -> None:
    message = msg.CompressedCertificate(
        algorithm=CertificateCompressionAlgorithm.ZLIB,
        uncompressed_length=4,
        compressed_certificate_message=b"...",
        certificate=msg.Certificate(certificate_list=()),
    )
    assert step_of(message) is Step.EMPTY_CERTIFICATE


def test_a_server_hello_tells_whether_it_resumes() -> None:
    def hello(*extensions: SelectedPsk) -> msg.ServerHello:
        return msg.ServerHello(
            legacy_version=ProtocolVersion.TLS_1_2,
            random=bytes(32),
            legacy_session_id_echo=b"",
            cipher_suite=CipherSuite["TLS_AES_128_GCM_SHA256"],
            legacy_compression_method=CompressionMethod.NULL,
            extensions=extensions,
        )

    assert step_of(hello()) is Step.SERVER_HELLO
    assert step_of(hello(SelectedPsk(selected_identity=0))) is Step.SERVER_HELLO_WITH_PSK
    assert hello().msg_type == HandshakeType.SERVER_HELLO
