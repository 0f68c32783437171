"""The first stops of the guided path: certificates that are accepted and refused."""

from __future__ import annotations

from lab.webapp.learn.stop import (
    CONNECT,
    SERVER,
    Stop,
    TerminalCommand,
    both,
    explained,
    refused,
)

CERTIFICATE_STOPS = (
    Stop(
        name="accepted",
        title="The accepted handshake",
        scenario="good",
        question=(
            "The client has a certificate that the server's CA issued, and the server has one that "
            "the client trusts. Nothing is wrong: this is what all other stops are compared with.",
            "What tells each end that the other is let in, and when does it know?",
        ),
        look=(
            "CertificateRequest: the server asks. Without it there is no mutual TLS.",
            "The client's Certificate and CertificateVerify: the certificate, and the proof that "
            "the client has its key. In TLS 1.3 both are encrypted, in TLS 1.2 both are in the "
            "clear.",
            "Where each handshake call returns, and which message came just before.",
        ),
        expected=both("in", "none", "yes"),
        lesson=(
            "In TLS 1.2 the client's call returned behind the server's Finished, so the client "
            "knew that it was let in. In TLS 1.3 it returned as soon as the client had sent its "
            "own Finished, before the server had read the client's certificate. That difference "
            "is behind most surprises on this path.",
            "In TLS 1.3 the first thing that shows the client that it is in is what the server "
            "sends afterwards: a ticket, or the answer.",
        ),
        commands=(
            explained("good"),
            TerminalCommand(
                does="a client with a certificate, against the lab's server",
                command="python -m lab.trace --with-cert",
            ),
        ),
    ),
    Stop(
        name="no-certificate",
        title="The client has no certificate",
        scenario="no-certificate",
        question=(
            "The server requires a certificate, and the client has none. It answers "
            "CertificateRequest with an empty Certificate message, as the standards demand.",
            "Which alert does the server send in each version, and does the client's handshake "
            "call return?",
        ),
        look=(
            "The client's Certificate: it is there, and it is empty.",
            "The alert: its name, and whether it is encrypted.",
            "The client's handshake call, before or after the alert.",
        ),
        expected=refused(40, 116),
        lesson=(
            "TLS 1.2 has no alert of its own for this, so the server sent handshake_failure (40), "
            "which can mean many things. TLS 1.3 has certificate_required (116) "
            "(RFC 9846 section 6.2).",
            "In TLS 1.3 the client's call had returned: a program that only checks that would "
            "report success. The refusal came to the first read.",
        ),
        commands=(
            TerminalCommand(
                does="a client without a certificate, in both versions",
                command="python -m lab.trace",
            ),
            explained("no-certificate"),
            TerminalCommand(
                does="OpenSSL's client, which gets alert 40",
                command=f"{CONNECT} -tls1_2 </dev/null",
                beside=SERVER,
            ),
        ),
    ),
    Stop(
        name="expired",
        title="The certificate has expired",
        scenario="expired",
        question=(
            "The client presents a certificate of the right CA which ended yesterday.",
            "Do the two versions still differ, and in what?",
        ),
        look=(
            "The client's Certificate: open it, and read its dates.",
            "What the server's OpenSSL says, just before the alert.",
        ),
        expected=refused(45),
        lesson=(
            "Both versions have the same alert for this, certificate_expired (45). They still "
            "differ in when the client learns it: inside its handshake call in TLS 1.2, after it "
            "in TLS 1.3.",
            "The server judges by its own clock. An alert 45 for a certificate that has not "
            "expired may mean that this clock is wrong.",
        ),
        commands=(
            explained("expired"),
            TerminalCommand(
                does="what is wrong with such a certificate, before it is used",
                command="python -m lab.certs issue --cn late --scenario expired; "
                "python -m lab.certs inspect certs/late.crt certs/late.key certs/ca.crt "
                "--as client",
                beside=SERVER,
            ),
        ),
    ),
    Stop(
        name="unknown-ca",
        title="Issued by another CA",
        scenario="wrong-ca",
        question=(
            "The client's certificate is well made and valid, but another CA issued it: that of "
            "another environment, or one that was replaced.",
            "What does the server call this?",
        ),
        look=(
            "CertificateRequest: does it name the CAs that the server trusts? It need not.",
            "The issuer in the client's certificate, and the wording of the server's OpenSSL.",
        ),
        expected=refused(48),
        lesson=(
            "The server sent unknown_ca (48). Its OpenSSL says that it cannot get the issuer's "
            "certificate: all it knows is that no chain leads to a CA in its store.",
            "So the alert does not say which CA it was looking for. The next stop shows why that "
            "matters.",
        ),
        commands=(
            explained("wrong-ca"),
            TerminalCommand(
                does="everything that can be behind this error text",
                command="python -m lab.explain 'tlsv1 alert unknown ca'",
            ),
        ),
    ),
    Stop(
        name="missing-intermediate",
        title="The missing intermediate",
        scenario="intermediate-not-sent",
        question=(
            "This certificate is good, and leads to the CA that the server trusts: through an "
            "intermediate CA. But the client's file holds its own certificate alone, without the "
            "intermediate.",
            "Can the alert be told from that of the stop before?",
        ),
        look=(
            "How many certificates the client sends: open its Certificate message.",
            "The causes: more than one fits. Compare them with those of the stop before.",
        ),
        expected=refused(48),
        lesson=(
            "It cannot: the alert is unknown_ca (48) again, OpenSSL's words are the same, and the "
            "same two causes fit. An untrusted CA and a missing intermediate look the same on the "
            "wire; only who knows the issuer's name can tell that it is an intermediate.",
            "The fix is at the client, not in the server's store: its file needs its own "
            "certificate first, then the intermediates (RFC 9846 section 4.5.1).",
        ),
        commands=(explained("intermediate-not-sent"), explained("through-intermediate")),
    ),
    Stop(
        name="wrong-purpose",
        title="A certificate for servers",
        scenario="eku-server-only",
        question=(
            "The right CA issued this certificate, and it is valid; its extendedKeyUsage says "
            "serverAuth alone. The client presents it all the same.",
            "Does a server look at that?",
        ),
        look=(
            "The extendedKeyUsage (EKU) in the client's certificate.",
            "What the server's OpenSSL says of the purpose.",
        ),
        expected=refused(43),
        lesson=(
            "OpenSSL looked: the purpose is not the client's, and the alert is "
            "unsupported_certificate (43).",
            "Against common belief, a certificate that has no extendedKeyUsage at all is accepted: "
            "only one that is there and lacks clientAuth is refused. Run eku-missing to see it.",
        ),
        commands=(explained("eku-server-only"), explained("eku-missing")),
    ),
    Stop(
        name="wrong-name",
        title="The server has the wrong name",
        scenario="server-wrong-name",
        question=(
            "Mutual means that both ends judge. Here the client's certificate is good, and the "
            "server's is for elsewhere.example, while the client wants localhost.",
            "Which end sends the alert, and what has the server seen of the client by then?",
        ),
        look=(
            "The direction of the alert.",
            "Whether the client had sent its own certificate before it.",
            "What the server's own handshake call did.",
        ),
        expected=both("client", "alert-42", "no"),
        lesson=(
            "The client sent bad_certificate (42), and its own call failed in both versions: it "
            "judges the server before its own last flight, so nothing is late here.",
            "It did not send its certificate, so the server cannot tell who it was. In the "
            "server's log this looks like an alert from a stranger: an alert that is received "
            "says that the other end refused.",
        ),
        commands=(explained("server-wrong-name"),),
    ),
)
