"""The picture of a trace: what is in it, where it stands, and that it fits."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.cells import cell_len

from lab.diagnosis.results import ONE_OF_SEVERAL, THEIR_FILES, Cause, Outcome, Result
from lab.show.text.comparison import comparison
from lab.show.text.event_text import headline
from lab.show.text.paper import Paper
from lab.show.text.trace_text import drawing, print_brief, print_trace, sequence
from lab.tls import extensions as ext
from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CertificateCompressionAlgorithm,
    CompressionMethod,
    ExtensionType,
    HandshakeType,
    KeyUpdateRequest,
    NamedGroup,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import (
    Event,
    Fact,
    RecordSpan,
    StreamEnd,
)
from lab.tracing.results import Trace
from tests.support.traces import (
    CLIENT,
    EVENTS,
    MESSAGES,
    SERVER,
    START,
    EventBuilder,
    one_of_each_event,
    sample,
    trace_of,
)

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = "a\\b\x1b[31m\r\n\u202e\u2066\x00\udcff\x9b" + "漢字" * 30 + "e\u0301❤️" + "x" * 500
VARYING = ("suites", "groups", "group", "key shares", "signatures")
FAILED = Outcome(result=Result.FAILED)
CAUSES = (
    Cause(
        code="no-client-certificate",
        summary="the server requires a client certificate, and the client sent none",
        evidence=("the server sent CertificateRequest", "the client's Certificate is empty"),
        reference="RFC 9846 section 4.5.1.3",
        fix="give the client a certificate and its key",
    ),
    Cause(
        code="other",
        summary="a second cause, which is worded at such a length that it does not go on one line",
        evidence=("something that was seen",),
        reference="RFC 5246 section 7.4.6",
        fix="",
    ),
)
CA_NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COMMON_NAME, "Lab CA"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab"),
    ]
).public_bytes()


def lines(trace: Trace, paper: Paper | None = None) -> list[str]:
    return [line.plain for line in drawing(trace, paper or Paper())]


def picture(events: Sequence[Event], outcome: Outcome | None = None) -> list[str]:
    """The lines of the sequence alone."""
    return [line.plain for line in sequence(trace_of(events, outcome=outcome), Paper())]


def line_with(text: str, where: Sequence[str]) -> str:
    (found,) = [line for line in where if text in line]
    return found


def normalised(text: str) -> str:
    """A picture without what differs from run to run, or from one OpenSSL to the next."""
    text = re.sub(r"(?m)^(.) *\d+\.\d\d (?=[│●])", r"\1       0 ", text)
    text = re.sub(r"(?m)(?<=[│●]) +\d+$", "     #", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2030-01-01 00:00:00", text)
    kept = []
    label = ""
    for line in text.splitlines(keepends=True):
        detail = re.match(r" +│ {5,8}(\S.{11})", line)
        if detail:
            label = detail.group(1).strip()
        elif not re.match(r" +│ {17,}[^ │]", line):
            label = ""  # no line of a long value
        if label not in VARYING:
            kept.append(line)
    return "".join(kept)


@pytest.mark.parametrize("name", ["refused12", "refused13"])
def test_a_refusal_looks_like_this(name: str, request: pytest.FixtureRequest) -> None:
    file = io.StringIO()
    trace: Trace = request.getfixturevalue(name)
    print_trace(replace(trace, causes=CAUSES), file)
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert normalised(file.getvalue()) == golden


def test_the_client_was_done_before_the_alert_in_tls13_alone(
    refused12: Trace, refused13: Trace
) -> None:
    shown = lines(refused13)
    returned = shown.index(line_with("● client: handshake call returned", shown))
    assert returned < shown.index(line_with("┃ ALERT", shown))
    assert not [line for line in lines(refused12) if "handshake call returned" in line]


def test_an_accepted_client_has_no_frame_around_anything(accepted13: Trace) -> None:
    shown = lines(accepted13)
    assert not [line for line in shown if "┏" in line or "✗" in line]
    assert line_with("✓ accepted", shown)
    assert line_with("GET /todo HTTP/1.1", shown)
    assert line_with("HTTP/1.1 200 OK", shown)
    assert line_with("subject     CN=client", shown)


def test_every_class_of_event_is_drawn() -> None:
    events = one_of_each_event()
    assert {type(event) for event in events} == set(EVENTS)
    shown = "\n".join(picture(events))
    for event in events:
        assert headline(event).lower() in shown.lower()


def test_every_message_is_drawn_by_its_name() -> None:
    make = EventBuilder()
    events = [make.message(SERVER, sample(kind)) for kind in MESSAGES]
    shown = "\n".join(picture(events, FAILED))
    for event in events:
        assert f" {event.message.name} " in shown


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            msg.ServerHello(
                legacy_version=ProtocolVersion.TLS_1_2,
                random=bytes(32),
                legacy_session_id_echo=b"",
                cipher_suite=CipherSuite(0x1301),
                legacy_compression_method=CompressionMethod.NULL,
                extensions=(ext.SelectedPsk(selected_identity=0),),
            ),
            ["version     TLS 1.2", "TLS_AES_128_GCM_SHA256", "the session that the client"],
        ),
        (
            msg.HelloRetryRequest(
                legacy_version=ProtocolVersion.TLS_1_2,
                random=bytes(32),
                legacy_session_id_echo=b"",
                cipher_suite=CipherSuite(0x1301),
                legacy_compression_method=CompressionMethod.NULL,
                extensions=(
                    ext.SelectedVersion(selected_version=ProtocolVersion.TLS_1_3),
                    ext.KeyShareHelloRetryRequest(selected_group=NamedGroup.SECP384R1),
                    ext.Cookie(cookie=b"crumbs"),
                ),
            ),
            ["version     TLS 1.3", "a key share for secp384r1", "its cookie returned"],
        ),
        (
            msg.EncryptedExtensions(
                extensions=(
                    ext.ApplicationLayerProtocols(protocol_name_list=(b"http/1.1",)),
                    ext.FlagExtension(extension_type=ExtensionType.EARLY_DATA),
                )
            ),
            ["ALPN        http/1.1", "early data  accepted"],
        ),
        (
            msg.ServerKeyExchange(
                params=msg.ServerECDHParams(named_group=NamedGroup.X25519, public=b""),
                algorithm=SignatureScheme.ED25519,
            ),
            ["group       x25519", "signature   ed25519"],
        ),
        (
            msg.ServerKeyExchange(params=msg.OpaqueParams(body=b"psk hint")),
            ["─ ServerKeyExchange ─"],
        ),
        (
            replace(sample(msg.ClientHello), extensions=(sample(ext.OfferedPsks),)),
            ["SNI         not sent", "resumes     a session, by pre_shared_key"],
        ),
        (msg.CertificateVerify(algorithm=None, signature=b""), ["CertificateVerify"]),
        (
            msg.ServerKeyExchange(params=msg.ServerDHParams(dh_p=bytes(256), dh_g=b"", dh_ys=b"")),
            ["group       finite field, 2048 bits"],
        ),
        (
            msg.CertificateRequest(certificate_authorities=(CA_NAME, b"no name")),
            ["CA names    O=Lab,CN=Lab CA, 6e6f206e616d65"],
        ),
        (msg.Certificate(certificate_list=()), ["Certificate (empty)", "no certificate"]),
        (
            msg.CompressedCertificate(
                algorithm=CertificateCompressionAlgorithm.ZLIB,
                uncompressed_length=8,
                compressed_certificate_message=b"xyz",
                certificate=msg.Certificate(certificate_list=()),
            ),
            ["CompressedCertificate (empty)", "zlib, 3 of 8 bytes", "no certificate"],
        ),
        (
            msg.CompressedCertificate(
                algorithm=CertificateCompressionAlgorithm(0xEE),
                uncompressed_length=8,
                compressed_certificate_message=b"xyz",
                certificate=None,
            ),
            ["─ CompressedCertificate ─", "unknown(0x00ee), 3 of 8 bytes"],
        ),
        (
            msg.Certificate(certificate_list=(msg.CertificateEntry(cert_data=b"junk"),) * 6),
            [
                "problem     not a readable certificate",
                "certificate 4 of 6",
                "certificate and 2 more",
            ],
        ),
        (
            msg.Certificate(certificate_list=(msg.CertificateEntry(cert_data=b"junk"),)),
            ["│        problem     not a readable certificate"],
        ),
        (msg.KeyUpdate(request_update=KeyUpdateRequest.UPDATE_REQUESTED), ["update_requested"]),
        (msg.NewSessionTicket(ticket_lifetime=7200, ticket=b"abc"), ["3 bytes, valid for 7200 s"]),
        (
            msg.NewSessionTicket(ticket_lifetime=0, ticket=b"abc"),
            ["3 bytes, for how long is not said"],
        ),
        (
            msg.UnknownMessage(msg_type=HandshakeType(99), body=b"abc"),
            ["unknown(0x63)", "type        99, with 3 bytes"],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, msg.HandshakeMessage) else "",
)
def test_what_stands_under_a_message(message: msg.HandshakeMessage, expected: list[str]) -> None:
    shown = picture([EventBuilder().message(SERVER, message)], FAILED)
    for text in expected:
        assert [line for line in shown if text in line], text


def test_what_stands_under_a_client_hello() -> None:
    hello = msg.ClientHello(
        legacy_version=ProtocolVersion.TLS_1_2,
        random=bytes(32),
        legacy_session_id=b"",
        cipher_suites=tuple(map(CipherSuite, (0x0A0A, 0x1301, 0x1302, 0x1303, 0xFEFE))),
        legacy_compression_methods=(CompressionMethod.NULL,),
        extensions=(
            ext.ServerNameList(
                server_name_list=(ext.ServerName(name_type=NameType.HOST_NAME, name=b"x\x1b"),)
            ),
            ext.ApplicationLayerProtocols(protocol_name_list=(b"h2", b"http/1.1")),
            ext.SessionTicket(ticket=b"ticket"),
            ext.FlagExtension(extension_type=ExtensionType.EARLY_DATA),
            ext.FlagExtension(extension_type=ExtensionType.POST_HANDSHAKE_AUTH),
        ),
    )
    shown = "\n".join(picture([EventBuilder().message(CLIENT, hello)], FAILED))
    for text in (
        "versions    TLS 1.2",
        "SNI         x\\x1b",
        "ALPN        h2, http/1.1",
        "suites      TLS_AES_128_GCM_SHA256,",
        "TLS_AES_256_GCM_SHA384 and 2 more",
        "resumes     a session, by session_ticket",
        "early data  follows",
        "client auth may also be requested after the",
    ):
        assert text in shown
    assert "GREASE" not in shown


def test_messages_of_one_record_are_joined_and_its_bytes_counted_once() -> None:
    make = EventBuilder()
    first, second = make.record(300), make.record(1300)
    shown = picture(
        [
            make.message(SERVER, msg.ServerHelloDone(), records=[first]),
            make.message(SERVER, msg.Certificate(certificate_list=()), records=[first, second]),
            make.message(SERVER, msg.HelloRequest(), records=[second]),
            make.message(SERVER, msg.ServerHelloDone()),
        ],
        FAILED,
    )
    arrows = [line for line in shown if "◄" in line]
    assert [line[72:].strip() for line in arrows] == ["300 ╮", "1300 ┤", "╯", "100"]
    assert line_with("no certificate", shown).endswith("│")
    assert line_with("2, of 300, 1300 bytes", shown)
    assert line_with("╮╯ one record", shown)


def test_a_long_run_of_the_same_is_drawn_once_and_counted() -> None:
    make = EventBuilder()
    events = [make.data(SERVER, b"x" * 1000) for _ in range(400)]
    shown = picture(events)
    assert len(shown) < 10
    assert line_with("application data, 399 more", shown).endswith(str(399 * 1022))
    assert line_with("application data, 399 more", shown).split()[0] == "399.00"


def test_what_shares_a_record_with_itself_is_not_joined() -> None:
    make = EventBuilder()
    record = make.record(2_000_000)
    update = msg.KeyUpdate(request_update=KeyUpdateRequest.UPDATE_NOT_REQUESTED)
    events = [make.message(CLIENT, update, records=[record]) for _ in range(20)]
    shown = picture(events, FAILED)
    assert line_with("── KeyUpdate ──", shown).endswith("2000k ╮")
    assert line_with("KeyUpdate, 19 more", shown).endswith("╯")


def test_a_sealed_record_that_tells_nothing() -> None:
    shown = picture([EventBuilder().sealed(SERVER)], FAILED)
    assert line_with("content     19 bytes, not decrypted: no known", shown)
    assert not [line for line in shown if "likely" in line]


def test_out_of_order_is_said() -> None:
    make = EventBuilder()
    event = make.message(SERVER, msg.ServerHelloDone(), out_of_order=True)
    assert line_with("not allowed at this point", picture([event], FAILED))


HELLO = EventBuilder().message(CLIENT, msg.HelloRequest())
NO_ALERT = "alert       none was sent"


@pytest.mark.parametrize(
    ("events", "mark", "remark"),
    [
        ([HELLO, EventBuilder().ended(SERVER)], "┃ TCP FIN ┃", NO_ALERT),
        (
            [HELLO, EventBuilder().ended(SERVER, StreamEnd.RESET)],
            "┃ TCP RST ┃",
            NO_ALERT.replace("sent", "seen"),
        ),
        (
            [HELLO, EventBuilder().alert(SERVER, AlertDescription.UNKNOWN_CA)],
            "┃ ALERT fatal unknown_ca (48) ┃",
            "signal      alert unknown_ca (48), fatal, encrypted",
        ),
        (
            [HELLO, EventBuilder().data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")],
            "┃ HTTP 403 ┃",
            "HTTP        HTTP/1.1 403 Forbidden",
        ),
        (
            [HELLO, EventBuilder().not_tls(SERVER, b"HTTP/1.1 400 Bad\r\n")],
            "┃ not TLS: plain HTTP ┃",
            r"first bytes 'HTTP/1.1 400 Bad\r\n'",
        ),
        (
            [HELLO, EventBuilder().malformed(SERVER, "ServerHello.random", "too short")],
            "┃ malformed bytes ┃",
            "byte 517 of what the server sent",
        ),
        (
            [HELLO, EventBuilder().fact(CLIENT, Fact.TIMED_OUT, "10 s")],
            "● client: timed out: 10 s",
            "failed: the server did not finish in time",
        ),
        (
            [
                HELLO,
                EventBuilder().alert(CLIENT, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING),
                EventBuilder().ended(CLIENT),
            ],
            "┃ ALERT warning close_notify (0) ┃",
            "failed: the client closed the TLS connection",
        ),
    ],
    ids=["FIN", "RST", "alert", "HTTP", "not TLS", "malformed", "time-out", "close_notify"],
)
def test_what_decided_is_marked(events: list[Event], mark: str, remark: str) -> None:
    shown = lines(trace_of(events))
    (marked,) = [line for line in shown if line.startswith("✗") and not line.startswith("✗ ")] or [
        line for line in shown if re.match(r"✗ +\d", line)
    ]
    assert mark in marked
    assert [line for line in shown if remark in line]


def test_an_echo_and_a_harmless_warning_are_no_rejection() -> None:
    make = EventBuilder()
    events = [
        make.message(CLIENT, msg.HelloRequest()),
        make.alert(SERVER, AlertDescription.USER_CANCELED, AlertLevel.WARNING),
        make.ended(SERVER),
        make.alert(CLIENT, AlertDescription.DECODE_ERROR),
    ]
    shown = lines(trace_of(events))
    assert line_with("echo        sent after the outcome was decided", shown)
    assert line_with("warning     does not end the connection", shown)
    assert line_with("the client's alert fatal decode_error (50), after the end", shown)
    assert line_with("the server's alert warning user_canceled (90), not fatal", shown)
    assert line_with("┃ TCP FIN ┃", shown)


def hostile_trace() -> Trace:
    make = EventBuilder()
    attribute = x509.NameAttribute(NameOID.ORGANIZATION_NAME, HOSTILE.replace("\udcff", ""))
    name = x509.Name([attribute]).public_bytes()
    raw = HOSTILE.encode("utf-8", "surrogatepass")
    hello = sample(msg.ClientHello)
    names = ext.ServerNameList(
        server_name_list=(ext.ServerName(name_type=NameType.HOST_NAME, name=raw),)
    )
    protocols = ext.ApplicationLayerProtocols(protocol_name_list=(raw, raw))
    span = [make.record(70) for _ in range(4000)]
    events: list[Event] = [
        replace(make.data(SERVER, b""), records=(RecordSpan(offset=0, length=10**9),)),
        make.message(CLIENT, replace(hello, extensions=(names, protocols))),
        make.message(SERVER, msg.CertificateRequest(certificate_authorities=(name,) * 50)),
        make.message(SERVER, sample(msg.Certificate), records=span),
        make.sealed(SERVER, HOSTILE),
        make.data(CLIENT, raw),
        make.data(CLIENT, b"GET /" + b"a" * 1500 + b" HTTP/1.1\r\n"),
        make.malformed(SERVER, HOSTILE, HOSTILE),
        make.not_tls(SERVER, raw),
        make.fact(CLIENT, Fact.READ_FAILED, HOSTILE),
        make.fact(SERVER, Fact.CERTIFICATE_REFUSED, HOSTILE),
        replace(make.alert(SERVER, AlertDescription(0xEE)), time=START + 1e7),
    ]
    cause = Cause(code="x", summary=HOSTILE, evidence=(HOSTILE,), reference="RFC", fix=HOSTILE)
    outcome = replace(trace_of(events).outcome, exception=HOSTILE, after=HOSTILE)
    return trace_of(events, target=HOSTILE, outcome=outcome, diagnosis=[cause, cause])


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "shift_jis"])
def test_nothing_hostile_gets_through_or_out_of_bounds(width: int, encoding: str) -> None:
    trace = hostile_trace()
    for shown in (
        list(drawing(trace, Paper(width=width, encoding=encoding))),
        list(comparison([trace, trace], Paper(width=width, encoding=encoding))),
    ):
        assert len(shown) < 500
        for line in shown:
            assert line.cell_len <= width
            assert line.plain.isprintable()
            line.plain.encode(encoding)
            assert not line.plain.endswith(" ")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_brief_form_has_three_lines_for_each_trace(encoding: str) -> None:
    file = File(encoding)
    print_brief([hostile_trace(), hostile_trace()], file)
    lines = file.written().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["TLS 1.3", "cause", "fix"] * 2
    assert all(line.isprintable() and len(line) < 5000 for line in lines)


def test_the_brief_form_of_a_refusal(refused13: Trace) -> None:
    file = File()
    print_brief([replace(refused13, causes=CAUSES), replace(refused13, causes=CAUSES[1:])], file)
    outcome = "TLS 1.3: rejected by the server, alert certificate_required (116)"
    assert file.written().splitlines() == [
        outcome,
        f"cause: {CAUSES[0].summary} [no-client-certificate]",
        "fix: give the client a certificate and its key",
        outcome,
        f"cause: {CAUSES[1].summary} [other]",
        "fix: nothing to fix",
    ]


def test_the_brief_form_says_which_other_causes_fit_as_well(refused13: Trace) -> None:
    first, second = (replace(each, evidence=(ONE_OF_SEVERAL,)) for each in CAUSES)
    file = File()
    print_brief([replace(refused13, causes=(first, second))], file)
    assert file.written().splitlines()[1] == (
        f"cause: {first.summary} [no-client-certificate], or [other]: which one cannot be told"
    )


def test_the_brief_form_says_what_a_verdict_by_given_files_rests_on(refused13: Trace) -> None:
    first = replace(CAUSES[0], evidence=(THEIR_FILES,))
    second = replace(CAUSES[1], evidence=(ONE_OF_SEVERAL,))
    traces = [replace(refused13, causes=causes) for causes in ((first,), (first, second))]
    file = File()
    print_brief(traces, file)
    alone = f"cause: {first.summary} [no-client-certificate], if the server uses the files given"
    assert file.written().splitlines()[1::3] == [
        alone,
        f"{alone}, or [other]: which one cannot be told",
    ]


class File(io.TextIOWrapper):
    """A file in memory, which may be a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def written(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> File:
    """A terminal of 80 columns that knows colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "80"), ("LINES", "25")):
        monkeypatch.setenv(name, value)
    return File(terminal=True)


ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


def test_a_terminal_gets_the_same_picture_with_colours(terminal: File, refused13: Trace) -> None:
    plain = File()
    print_trace(refused13, plain)
    print_trace(refused13, terminal)
    assert "\x1b" not in plain.written()
    assert ESCAPE.sub("", terminal.written()) == plain.written()
    assert any("31" in codes.split(";") for codes in ESCAPE.findall(terminal.written()))


def test_no_color_leaves_no_colour(
    terminal: File, refused13: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    print_trace(refused13, terminal)
    codes = {code for codes in ESCAPE.findall(terminal.written()) for code in codes.split(";")}
    assert codes <= {"", "0", "1", "2"}  # bold and dim are no colours


def test_a_wide_terminal_gets_no_endless_lines(
    terminal: File, refused13: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    print_trace(refused13, terminal)
    shown = ESCAPE.sub("", terminal.written()).splitlines()
    assert max(map(cell_len, shown)) == 100


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_an_encoding_without_line_drawing_gets_the_same_picture_in_ascii(
    encoding: str, refused13: Trace
) -> None:
    plain, poor = File(), File(encoding)
    print_trace(refused13, plain)
    print_trace(refused13, poor)
    assert poor.written().isascii()
    assert [len(line) for line in poor.written().splitlines()] == [
        len(line) for line in plain.written().splitlines()
    ]
    assert "# ALERT fatal certificate_required (116) #" in poor.written()
    assert "X rejected by the server" in poor.written()


def test_a_file_without_an_encoding_takes_everything() -> None:
    file = io.StringIO()
    print_trace(trace_of(one_of_each_event()), file)
    assert "│" in file.getvalue()
