"""The last stops of the guided path: what happens beyond one handshake."""

from __future__ import annotations

from lab.webapp.learn.later_authentication import authenticate_later
from lab.webapp.learn.lost_refusal import lose_refusal
from lab.webapp.learn.predictions import AnswerSet
from lab.webapp.learn.resumed_session import resume_session
from lab.webapp.learn.stop import CONNECT, SERVER, Stop, TerminalCommand, both, explained
from lab.webapp.learn.withheld_certificate import withhold_certificate

_ASK = r"printf 'GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'"

LATER_STOPS = (
    Stop(
        name="lost-refusal",
        title="The refusal that gets lost",
        run=lose_refusal,
        question=(
            "A client without a certificate once more, but a hasty pair: the server sends its "
            "alert and closes at once, and the client writes a request with a long body as soon "
            "as it believes that it is connected. When a write fails, it reports that, and does "
            "not read any more.",
            "Does the client get the alert, in TLS 1.2 and in TLS 1.3?",
        ),
        look=(
            "TLS 1.3: where the server closes, and where the client writes after that.",
            "What the client's library says in the end: does it speak of a certificate?",
            "The third connection, below: one more read, and nothing else is different.",
        ),
        expected={
            "1.2": AnswerSet(end="server", signal="alert-40", call="no"),
            "1.3": AnswerSet(end="server", signal="closed", call="yes"),
        },
        lesson=(
            "In TLS 1.3 the server had sent certificate_required and closed. What the client wrote "
            "then met a closed socket, and the system answered with RST. The client's write "
            "failed, and it never read the alert, which had come before. All it can report is a "
            "broken connection: no word of a certificate. In TLS 1.2 there is no such race, since "
            "the client waits for the server inside its handshake call.",
            "It takes two to mend it: a server should send its alert, end its own direction, and "
            "read on for a while before it closes, as the lab's does; a client should read once "
            "more after a failed write, as the lab's does. On Linux what had come before an RST "
            "can still be read; another system may drop it.",
        ),
        commands=(
            TerminalCommand(
                does="the lab's server and client, which do both: the alert arrives",
                command="python -m lab.trace --tls1.3 --write-first",
            ),
            TerminalCommand(
                does="a client that leaves too early: OpenSSL's, which often shows no alert and "
                "exits with 0",
                command=f"{CONNECT} -tls1_3 </dev/null",
                beside=SERVER,
            ),
        ),
        note="The order is not left to chance: the client of this run waits until the server has "
        "closed.",
    ),
    Stop(
        name="later",
        title="Asked after the handshake",
        run=authenticate_later,
        question=(
            "This server lets everybody in by TLS, and needs a certificate for one path only. The "
            "client has a good one, and asks for that path.",
            "When is the client asked, in each version?",
        ),
        look=(
            "TLS 1.3: is there a CertificateRequest in the handshake? And after the request?",
            "TLS 1.2: where the same settings make the server ask.",
            "The further connections: a client that cannot be asked then, and one that has nothing "
            "to show.",
        ),
        expected=both("in", "none", "yes"),
        lesson=(
            "In TLS 1.3 the handshake had no CertificateRequest; it came after the HTTP request, "
            "and the client answered it with Certificate, CertificateVerify and Finished: "
            "post-handshake authentication (RFC 9846 section 4.7.2). In TLS 1.2 the same settings "
            "of OpenSSL asked in the handshake.",
            "A client has to offer this in its ClientHello, and most do not: browsers, and nearly "
            "all libraries. Such a client cannot be asked, and all that is left is an HTTP status.",
        ),
        commands=(
            TerminalCommand(
                does="the lab's client, asked by OpenSSL's server while it waits for an answer",
                command="python -m lab.trace localhost:9443 --tls1.3 --ca certs/ca.crt "
                "--cert certs/client.crt --key certs/client.key",
                beside="openssl s_server -accept 9443 -cert certs/server.crt "
                "-key certs/server.key -CAfile certs/ca.crt -tls1_3",
                then="c and Enter, within ten seconds",
            ),
            TerminalCommand(
                does="the lab's own server, which asks at /todo; which other clients can be asked",
                command="python -m lab.trace --tls1.3 --cert certs/client.crt "
                "--key certs/client.key --request /todo",
                beside=f"{SERVER} --client-auth on-demand",
            ),
        ),
    ),
    Stop(
        name="withheld",
        title="The certificate that is not shown",
        run=withhold_certificate,
        question=(
            "This server trusts the CA of the client's certificate, which is good. But in its "
            "CertificateRequest it names another CA, of another company: somebody gave it the "
            "wrong file.",
            "What does the client do, and is it let in?",
        ),
        look=(
            "The names of CAs in CertificateRequest, and the issuer of the client's certificate.",
            "The client's Certificate message: is it empty?",
            "The further connections, below: how the server takes a client that withholds.",
        ),
        expected=both("in", "none", "yes"),
        lesson=(
            "The client sent its certificate, and was let in: it uses OpenSSL, as Python and Node "
            "do, which sends what it was given whatever is named. What the server verifies by is "
            "another setting than what it names.",
            "Other clients go by the names. Go, Java and browsers as a rule send an empty "
            "Certificate if no CA named issued theirs, and the server's answer is then about a "
            "missing certificate, though there is one. So it works with one client and fails with "
            "another.",
            "Which kind of client sends which certificate for a server's request is told by "
            "lab.explain --request, with the rule of each.",
        ),
        commands=(
            TerminalCommand(
                does="who would send this certificate, by which rule, to a server that names "
                "CN=localhost, which is no CA at all",
                command="python -m lab.explain --request 9443 --cert certs/client.crt",
                beside="openssl s_server -accept 9443 -www -cert certs/server.crt "
                "-key certs/server.key -verifyCAfile certs/ca.crt -CAfile certs/server.crt "
                "-Verify 1",
            ),
        ),
        note="The server is openssl s_server, since Python's ssl has no call that names CAs. What "
        "it does itself is not seen here.",
    ),
    Stop(
        name="resumption",
        title="The session that skips the check",
        run=resume_session,
        question=(
            "A client was let in, and kept the session. Then its certificate expired. Now it comes "
            "back, and resumes the session in place of a full handshake.",
            "Is it let in?",
        ),
        look=(
            "Is there a Certificate, a CertificateVerify, or a CertificateRequest?",
            "What the client's handshake call did, and what HTTP answered.",
            "The last connections: the same client at the same time, without the session.",
        ),
        expected=both("server", "http", "yes"),
        lesson=(
            "TLS let it in, in both versions: a resumed handshake has no certificate, and OpenSSL "
            "did not look at the old one again. In a full handshake at that moment the same client "
            "got certificate_expired (45).",
            "The lab's server looks at the end of the certificate by itself before it answers, and "
            "said 401. A server that does not goes on serving such a client for as long as the "
            "session lives. Nor is a list of revoked certificates asked when a session is resumed.",
        ),
        commands=(
            TerminalCommand(
                does="keep a session, and resume it: the second time without certificate and key",
                command=f"{_ASK} | {CONNECT} -cert certs/client.crt -key certs/client.key "
                "-ign_eof -sess_out session.pem\n"
                f"{_ASK} | {CONNECT} -ign_eof -sess_in session.pem",
                beside=SERVER,
            ),
        ),
        note="This run takes about three seconds: it issues a certificate for that long, and waits "
        "until it has expired.",
    ),
    Stop(
        name="authorization",
        title="Known, and still not allowed",
        scenario="not-on-the-list",
        question=(
            "The last one. The certificate is good, and its CA is trusted. But the server serves "
            "named clients only, and this client is not one of them.",
            "At which layer is it refused?",
        ),
        look=(
            "The handshake: is anything refused in it?",
            "The answer to the HTTP request.",
        ),
        expected=both("server", "http", "yes"),
        lesson=(
            "The handshake says who a client is: authentication. What it may do is decided after "
            "it: authorization. The handshake was accepted in both versions, no alert was sent, "
            "and HTTP answered 403.",
            "A server that looks at no name serves every client that its CA has ever certified.",
        ),
        commands=(
            explained("not-on-the-list"),
            TerminalCommand(
                does="the lab's client, against a server that serves another one",
                command="curl --silent --cacert certs/ca.crt --cert certs/client.crt "
                "--key certs/client.key https://localhost:8443/todo",
                beside=f"{SERVER} --allow-cn somebody-else",
            ),
        ),
    ),
)
