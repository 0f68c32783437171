"""Texts of real programs are explained: who speaks, which alert, received or made, and a cause."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.diagnosis.error_texts.explain_text import PAGE, TextExplainer, explain_text
from lab.diagnosis.error_texts.results import (
    AlertDirection,
    ErrorExplanation,
    ErrorFinding,
    ErrorPhase,
    SpeakerRole,
)
from lab.tls.code_point import code_table
from lab.tls.code_points import AlertDescription
from tests.diagnosis.error_texts.real_lines import REAL_LINES, Line

PIECES = (
    *(line.text for lines in REAL_LINES.values() for line in lines),
    *(
        "\n",
        " ",
        "\r",
        "\x1b[31m",
        "\\n",
        "\u0130",
        "\ud800",
        "\0",
        ":",
        "error:",
        "(",
        "20",
        "-12",
    ),
)


def codes(finding: ErrorFinding) -> list[str]:
    return [cause.code for cause in finding.causes]


def single(text: str) -> ErrorFinding:
    """Return the one error that is found in a text."""
    explanation = explain_text(text)
    assert len(explanation.found) == 1, [finding.says for finding in explanation.found]
    return explanation.found[0]


def faults_of(line: Line) -> list[str]:
    found = explain_text(line.text).found
    if len(found) != 1:
        return [f"{len(found)} findings: {[finding.says for finding in found]}"]
    finding = found[0]
    told = (finding.alert.number if finding.alert else None, finding.direction.value)
    faults = []
    if line.speaker not in finding.speaker:
        faults.append(f"spoken by {finding.speaker!r}, not {line.speaker!r}")
    if told != (line.alert, line.direction):
        faults.append(f"alert and direction {told}")
    if line.cause not in codes(finding):
        faults.append(f"{line.cause} is not among {codes(finding)}")
    return faults


@pytest.mark.parametrize("family", REAL_LINES)
def test_real_lines_are_explained(family: str) -> None:
    faults = {line.text: faults for line in REAL_LINES[family] if (faults := faults_of(line))}
    assert not faults


def test_there_are_many_lines_of_many_speakers() -> None:
    lines = [line for lines in REAL_LINES.values() for line in lines]
    assert len(lines) >= 280
    assert len({line.speaker.split(",")[0] for line in lines}) >= 30


def test_an_alert_alone_has_never_one_cause() -> None:
    numbers = [int(alert) for alert in code_table(AlertDescription).values()]
    texts = [f"alert {number}" for number in numbers]
    texts += [f"SSL alert number {number}" for number in numbers]
    texts += [f"curl: (35) SSL alert number {number}" for number in numbers]
    for text in texts:
        for finding in explain_text(text).found:
            assert len(finding.causes) != 1, text


def test_a_chain_of_exceptions_is_one_finding_with_the_whole_chain() -> None:
    text = """Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/urllib3/connectionpool.py", line 703, in urlopen
ssl.SSLError: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required \
(_ssl.c:2580)

During handling of the above exception, another exception occurred:

urllib3.exceptions.MaxRetryError: HTTPSConnectionPool(host='a', port=443): Max retries exceeded \
with url: / (Caused by SSLError(SSLError(1, '[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert \
certificate required (_ssl.c:2580)')))

During handling of the above exception, another exception occurred:

requests.exceptions.SSLError: HTTPSConnectionPool(host='a', port=443): Max retries exceeded with \
url: / (Caused by SSLError(SSLError(1, '[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert \
certificate required (_ssl.c:2580)')))
"""
    finding = single(text)
    assert finding.speaker == "requests, urllib3, Python ssl 3.11, OpenSSL"
    assert (finding.count, finding.line) == (3, 3)
    assert finding.role is SpeakerRole.CLIENT
    assert finding.phase is ErrorPhase.AFTER_HANDSHAKE


_LINE = "curl: (35) OpenSSL/3.0.22: error:0A000410:SSL routines::sslv3 alert handshake failure"


@pytest.mark.parametrize(
    "text",
    [
        f"\x1b[31;1m{_LINE}\x1b[0m",
        f'{{"log": "{_LINE}\\n", "stream": "stderr"}}',
        f'{{"log": "{{\\"msg\\": \\"{_LINE}\\"}}"}}',
        f"> > {_LINE}",
        _LINE.replace("alert handshake", "alert\nhandshake"),
        _LINE.replace("alert handshake", "alert\n>   handshake"),
        _LINE.upper(),
        f"2026-11-29T10:00:00.000Z stderr F {_LINE}",
        f"`{_LINE}`",
        f"“{_LINE}”",
        _LINE.replace(" ", "\xa0"),
        f"\ufeff{_LINE}\r\n",
        f"<pre>{_LINE.replace(': ', ':&#39; ', 1)}</pre>",
    ],
)
def test_wrapped_texts_are_found(text: str) -> None:
    finding = single(text)
    assert finding.alert is not None
    assert finding.alert.number == 40
    assert finding.direction is AlertDirection.RECEIVED


def test_the_same_alert_at_both_ends_is_two_findings() -> None:
    text = """2026/11/29 10:00:00 [info] 7#7: *1 SSL_do_handshake() failed (SSL: error:0A000418:\
SSL routines::tlsv1 alert unknown ca:SSL alert number 48) while SSL handshaking, client: 192.0.2.7
curl: (35) error:0A000418:SSL routines::tlsv1 alert unknown ca
"""
    server, client = explain_text(text).found
    assert (server.role, client.role) == (SpeakerRole.SERVER, SpeakerRole.CLIENT)
    assert codes(server)[0] == "server-ca-not-trusted"
    assert codes(client)[0] == "client-ca-not-trusted"


def test_an_alert_that_asyncio_makes_is_not_sent() -> None:
    words = "ssl.SSLError: [SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1000)"
    assert single(words).alert is not None
    assert single(f"asyncio: {words}").alert is None


def test_unknown_ca_may_be_a_missing_intermediate_or_a_list_of_revocations() -> None:
    finding = single("curl: (35) error:0A000418:SSL routines::tlsv1 alert unknown ca")
    assert {
        "client-ca-not-trusted",
        "client-intermediate-missing",
        "client-certificate-self-signed",
        "client-crl-unusable",
    } <= set(codes(finding))


@pytest.mark.parametrize(
    "text",
    [
        "ssl.SSLEOFError: EOF occurred in violation of protocol (_ssl.c:1129)",
        "ConnectionResetError: [Errno 104] Connection reset by peer",
        "Error: read ECONNRESET",
    ],
)
def test_an_end_without_an_alert_names_no_cause(text: str) -> None:
    finding = single(text)
    assert "names no cause" in finding.says
    assert finding.alert is None
    assert "refused-without-alert" in codes(finding)


def test_what_is_general_gives_way_to_the_reason_beside_it() -> None:
    text = "AH02008: SSL library error 1 in handshake\nSSL Library Error: error:0A0000C1:SSL \
routines::no shared cipher (Too restrictive SSLCipherSuite or using DSA server certificate?)"
    assert codes(single(text))[0] == "no-common-cipher-suite"
    assert "server-certificate-refused" in codes(
        single("AH02008: SSL library error 1 in handshake")
    )


ACCESS_LOG = "\n".join(
    f'192.0.2.{at} - - [29/Nov/2026:10:{at:02}:42 +0000] "GET /api/tls?id=116&x=48 HTTP/1.1" 200 '
    f'{at * 40} "https://www.example/ssl/certificate" "Mozilla/5.0 (X11; Linux x86_64) 40 42 116"'
    for at in range(60)
)
PROSE = """\
Every TLS alert has a number, and an SSL alert can be fatal or a warning. Section 6.2 of the RFC
lists them. On 20.10.2026 we renewed the certificate of 10.20.42.48:443, and raised the number of
certificates to 116. The handshake takes two round trips; a failure of the handshake is rare. Each
client presents a certificate to the server, and the server verifies the certificate of the client.
An unknown certificate authority is one that nobody knows. The hostname mismatch of names in the
registry was mended in version 1.40. Some certificates are rejected by hand, and a bad certificate
policy is worse than none. Please verify 20 files, run curl 35 times, and alert 42 people.
Errors: 0. Exit 0. See page 495, 496 and 497. error rate: 0.00%; ssl_errors=0 handshake_failures=0
"""
QUIET_LOG = """\
2026-11-29 10:00:00 INFO starting with TLS 1.3, certificate /etc/x.crt, verify=on, alert level 2
2026-11-29 10:00:01 INFO tls handshake completed in 42 ms with 192.0.2.48:50116
2026-11-29 10:00:02 DEBUG close_notify received, connection closed
2026-11-29 10:00:03 INFO certificate expires in 116 days
2026-11-29 10:00:04 INFO curl/7.88.1 GET /health 200
Verify return code: 0 (ok)
Nov 29 10:00:05 host haproxy[20]: 192.0.2.7:35 [29/Nov/2026:10:00:05.000] fe be/s1 0/0/1/2/3 200 46
"""


@pytest.mark.parametrize("text", [ACCESS_LOG, PROSE, QUIET_LOG], ids=["access", "prose", "quiet"])
def test_texts_without_an_error_give_none(text: str) -> None:
    assert [finding.text for finding in explain_text(text).found] == []


def test_the_projects_own_pages_are_prose() -> None:
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        path = Path(__file__).resolve().parents[3] / name
        if path.is_file():
            assert not explain_text(path.read_text("utf-8")).found


def test_unknown_text_is_listed_with_what_is_near_and_is_no_finding() -> None:
    explanation = explain_text("frobnicate: ssl hndshake_failure, cannot verify")
    assert explanation.found == ()
    (unknown,) = explanation.unknown
    assert unknown.text.startswith("frobnicate")
    assert unknown.nearest
    known = explain_text("mosquitto: the TLS gizmo failed to be certified").unknown[0]
    assert known.recognised == ("mosquitto",)


APACHE_LOG = """\
[Sun Nov 29 10:00:00.1 2026] [ssl:info] [pid 7] [client 192.0.2.7:1] AH02008: SSL library error 1 \
in handshake (server localhost:443)
[Sun Nov 29 10:00:00.1 2026] [ssl:info] [pid 7] SSL Library Error: error:0A000418:SSL routines::\
tlsv1 alert unknown ca (SSL alert number 48)
[Sun Nov 29 10:00:00.1 2026] [ssl:info] [pid 7] [client 192.0.2.7:1] AH01998: Connection closed to \
child 1 with abortive shutdown (server localhost:443)
[Sun Nov 29 10:00:02.1 2026] [ssl:info] [pid 7] [client 192.0.2.7:2] AH02276: Certificate \
Verification: Error (20): unable to get local issuer certificate [subject: CN=mtls-client]
[Sun Nov 29 10:00:02.1 2026] [ssl:info] [pid 7] [client 192.0.2.7:2] AH02008: SSL library error 1 \
in handshake (server localhost:443)
[Sun Nov 29 10:00:02.1 2026] [ssl:info] [pid 7] SSL Library Error: error:0A000086:SSL routines::\
certificate verify failed
"""
HAPROXY_LOG = """\
192.0.2.7:38602 [29/Nov/2026:10:00:00.000] lab/1: Connection closed during SSL handshake
192.0.2.7:38612 [29/Nov/2026:10:00:00.020] lab/1: SSL handshake failure
192.0.2.7:38622 [29/Nov/2026:10:00:00.040] lab/1: SSL client certificate not trusted
"""
MOSQUITTO_LOG = """\
1795994188: Client connection from 192.0.2.7 failed: error:0A000126:SSL routines::unexpected eof \
while reading.
1795994188: New connection from 192.0.2.7:52844 on port 8883.
1795994188: OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed
1795994188: Client <unknown> disconnected: Protocol error.
"""


def test_a_reason_in_the_next_entry_of_a_log_is_that_of_the_one_before() -> None:
    received, refused = explain_text(APACHE_LOG).found
    assert received.speaker == "Apache mod_ssl, OpenSSL 3 or later"
    assert codes(received)[0] == "server-ca-not-trusted"
    assert "verify code 20" in refused.says
    assert {received.role, refused.role} == {SpeakerRole.SERVER}
    assert not explain_text(APACHE_LOG).unknown


def test_entries_about_other_connections_stand_for_themselves() -> None:
    assert [finding.line for finding in explain_text(HAPROXY_LOG).found] == [1, 2, 3]
    ended, refused = explain_text(MOSQUITTO_LOG).found
    assert "names no cause" in ended.says
    assert refused.role is SpeakerRole.SERVER
    assert codes(refused)[0] == "client-ca-not-trusted"


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=60, deadline=None)
def test_any_text_is_explained(text: str) -> None:
    explanation = explain_text(text)
    for finding in explanation.found:
        assert 1 <= finding.line <= text.count("\n") + 1
        assert finding.says
    assert in_parts(text, 11) == in_parts(text, 5000)


def in_parts(text: str, size: int) -> ErrorExplanation:
    explainer = TextExplainer()
    for at in range(0, len(text), size):
        explainer.feed(text[at : at + size])
    return explainer.end()


@pytest.mark.parametrize("size", [7, 1000, PAGE + 1])
def test_a_long_log_is_read_in_parts(size: int) -> None:
    noise = f"{QUIET_LOG}{ACCESS_LOG}\n"
    before = noise * (3 * PAGE // len(noise))
    found = in_parts(f"{before}{_LINE}\n{noise}{_LINE}\n", size).found
    assert len(found) == 1
    assert found[0].line == before.count("\n") + 1
    assert found[0].count == 2


def test_what_is_kept_is_bounded() -> None:
    lines = "\n".join(
        f"tls error {at}: no such thing, handshake failed to begin" for at in range(500)
    )
    explanation = explain_text(lines)
    assert len(explanation.unknown) + explanation.left_out + len(explanation.found) > 0
    assert len(explanation.unknown) <= 10
    long = single(f"{'x' * 5000} {_LINE} {'y' * 5000}")
    assert len(long.text) <= 300
    assert re.search("handshake failure", long.text)


# What looks like another program's words, with the whole chain of those who speak.
@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("curl: (35) Recv failure: Connection reset by peer", "curl"),
        ("javax.net.ssl.SSLException: Connection reset", "Java JSSE"),
        (
            "ssl.SSLError: [X509: KEY_VALUES_MISMATCH] key values mismatch (_ssl.c:4149)",
            "Python ssl, OpenSSL",
        ),
        ("TLS Error: TLS key negotiation failed to occur within 60 seconds", "OpenVPN"),
        (
            "OpenSSL: error:0A000410:SSL routines::sslv3 alert handshake failure\n"
            "Unable to establish SSL connection.",
            "wget, OpenSSL 3 or later",
        ),
        (
            "OpenSSL::SSL::SSLError (SSL_connect returned=1 errno=0 state=error: certificate "
            "verify failed (self-signed certificate))",
            "Ruby, OpenSSL",
        ),
        ("net/http: TLS handshake timeout", "Go crypto/tls"),
        (
            "transport: authentication handshake failed: x509: certificate signed by unknown "
            "authority",
            "gRPC (Go), Go crypto/tls",
        ),
        (
            "rdkafka#1| SSL handshake failed: error:1416F086:SSL routines:"
            "tls_process_server_certificate:certificate verify failed",
            "Kafka client librdkafka, OpenSSL 1.0 or 1.1",
        ),
        (
            "Interop+OpenSsl+SslException: SSL Handshake failed with OpenSSL error - "
            "SSL_ERROR_SSL. ---> error:0A000410:SSL routines::sslv3 alert handshake failure",
            ".NET, OpenSSL 3 or later",
        ),
        (
            "boringssl_context_handle_fatal_alert(1872) [C1.1:2][0x7f] read alert, level: fatal, "
            "description: certificate required",
            "BoringSSL",
        ),
        ("curl: (35) Unknown SSL protocol error in connection to a.example:443", "curl"),
        ("SSL error: 268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", "BoringSSL"),
        ("error:140790E5:SSL routines:SSL23_WRITE:ssl handshake failure", "OpenSSL 1.0 or 1.1"),
        (
            "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required",
            "OpenSSL 3 or later",
        ),
    ],
)
def test_nobody_speaks_whose_words_are_only_alike(text: str, speaker: str) -> None:
    assert single(text).speaker == speaker


def test_openssl_verify_has_no_handshake_and_no_other_end() -> None:
    finding = single("error 26 at 0 depth lookup: unsuitable certificate purpose")
    assert finding.says.startswith("a certificate does not verify: unsuitable certificate purpose")
    assert finding.direction is AlertDirection.UNKNOWN
    assert finding.phase is ErrorPhase.UNKNOWN


@pytest.mark.parametrize("name", ["client certificate", "client's certificate"])
def test_a_go_server_that_refuses_a_client_is_a_server(name: str) -> None:
    reason = "x509: certificate signed by unknown authority"
    finding = single(f"tls: failed to verify {name}: {reason}")
    assert finding.role is SpeakerRole.SERVER
    assert all(not code.startswith("server-") for code in codes(finding))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("* TLSv1.3 (OUT), TLS alert, decode error (562):", "refused-without-alert"),
        (
            "http: TLS handshake error: remote error: tls: error decoding message",
            "closed-by-own-end",
        ),
    ],
)
def test_the_end_that_a_decode_error_leads_to_is_the_one_that_closed(text: str, cause: str) -> None:
    both = {"refused-without-alert", "closed-by-own-end"}
    assert both & set(codes(single(text))) == {cause}


def test_lines_of_several_programs_keep_their_speakers() -> None:
    text = (
        "remote error: tls: bad certificate\n"
        "curl: (56) OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate "
        "required, errno 0\n"
        "ssl.SSLError: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"
    )
    speakers = [finding.speaker for finding in explain_text(text).found]
    assert speakers == ["Go crypto/tls", "curl, OpenSSL 3 or later", "Python ssl, OpenSSL"]


def test_an_alert_of_servers_only_tells_the_end() -> None:
    server = "http: TLS handshake error from 192.0.2.1:5: tls: client didn't provide a certificate"
    client, other = explain_text(f"remote error: tls: certificate required\n{server}").found
    assert (client.role, other.role) == (SpeakerRole.CLIENT, SpeakerRole.SERVER)
    assert client.says == "the server sent the alert certificate_required (116)"
