"""The meaning of what an application other than HTTP/1.1 answered behind a completed handshake.

Rules: what an application says in its own words is what counts; a code alone names no certificate.
Where the same answer has several reasons, they are named together.

This module must not claim that a certificate is missing where the server asked for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.diagnosis.causes.accepted import EMPTY, NO_REQUEST, answered, judged_here
from lab.diagnosis.causes.remedies import give_certificate
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.results import AnswerMeaning, Cause, Outcome, TrustVerdict
from lab.tls.application_protocol import Application, ApplicationAnswer

_POSTGRES = "PostgreSQL's documentation, pg_hba.conf and certificate authentication"
_MYSQL = "MySQL's documentation, CREATE USER, SSL/TLS options"
_DOVECOT = "RFC 4422 appendix A"
_COMPLETED = "the server had accepted the client's last flight"
_HTTP_1_1_REQUIRED = "HTTP_1_1_REQUIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A refusal that is known by its words: ``says`` is looked for in code and text.

    ``wants`` tells that it is for want of a certificate, which must then be given to the client,
    and ``to`` what the client must have asked for.
    """

    applications: tuple[Application, ...]
    says: str
    code: str
    summary: str
    reference: str
    fix: str
    wants: bool = False
    to: str = ""


_MAILBOXES = (Application.IMAP, Application.POP3)
_MAIL = (Application.SMTP, Application.LMTP)

_REFUSALS = (
    _Refusal(
        applications=(Application.POSTGRES,),
        says=r"requires a valid client certificate",
        code="postgres-wants-certificate",
        summary="PostgreSQL wants a client certificate of this user (the method cert, or "
        "clientcert, in pg_hba.conf), and the client sent none",
        reference=_POSTGRES,
        fix="sslcert and sslkey in a libpq connection string",
        wants=True,
    ),
    _Refusal(
        applications=(Application.POSTGRES,),
        says=r"certificate authentication failed",
        code="postgres-certificate-name",
        summary="PostgreSQL verified the certificate, and its common name (or, with clientname=DN, "
        "its subject) is not this user's",
        reference=_POSTGRES,
        fix="connect as the user that the certificate names (postgres://USER@HOST/DATABASE here), "
        "or map names: map=NAME behind the method in pg_hba.conf, and lines of NAME in "
        "pg_ident.conf",
    ),
    _Refusal(
        applications=(Application.POSTGRES,),
        says=r"pg_hba\.conf",
        code="postgres-no-hba-entry",
        summary="PostgreSQL has no line in pg_hba.conf for this address, user and database over "
        "TLS, or one that rejects it",
        reference=_POSTGRES,
        fix="add a line such as: hostssl DATABASE USER ADDRESS cert; and reload",
    ),
    _Refusal(
        applications=(Application.POSTGRES,),
        says=r"role .* does not exist",
        code="postgres-no-role",
        summary="PostgreSQL has no such user; what pg_hba.conf demands of the connection, it met",
        reference=_POSTGRES,
        fix="name a user that exists (postgres://USER@HOST/DATABASE here)",
    ),
    _Refusal(
        applications=(Application.MYSQL,),
        says=r"^1045 ",
        code="mysql-access-denied",
        summary="MySQL or MariaDB denied access, and does not say why: the user may have to show a "
        "certificate (REQUIRE X509), or one of a certain SUBJECT or ISSUER, may have a password, "
        "or may not exist",
        reference=_MYSQL,
        fix="see SHOW CREATE USER on the server, and name a user of it (mysql://USER@HOST here)",
    ),
    _Refusal(
        applications=_MAIL,
        says=r"[Cc]lient certificate",
        code="mail-wants-certificate",
        summary="the mail server wants a client certificate that it trusts, as its answer says",
        reference="RFC 3207 section 4.1",
        fix="smtp_tls_cert_file and smtp_tls_key_file in Postfix as the client; the server demands "
        "it by smtpd_tls_req_ccert there",
        wants=True,
    ),
    _Refusal(
        applications=_MAIL,
        says=r"[Rr]elay",
        code="mail-relay-denied",
        summary="the mail server takes no mail of this client for this recipient",
        reference="RFC 5321 section 7.9",
        fix="in Postfix, permit_tls_clientcerts takes what is in relay_clientcerts, by the "
        "certificate's fingerprint, and permit_tls_all_clientcerts all that verify",
    ),
    _Refusal(
        applications=_MAILBOXES,
        says=r"valid SSL certificate",
        code="mailbox-wants-certificate",
        summary="the server lets nobody log in without a client certificate that it has verified "
        "(auth_ssl_require_client_cert in Dovecot)",
        reference="RFC 9051 section 6.2",
        fix="let the server ask for one (ssl_verify_client_cert = yes in Dovecot)",
        wants=True,
    ),
    _Refusal(
        applications=_MAILBOXES,
        says=r".",
        to="EXTERNAL",
        code="mailbox-login-refused",
        summary="the server refused to take the client's certificate as a login (SASL EXTERNAL): "
        "it may not know the user, or not take the name from the certificate",
        reference=_DOVECOT,
        fix="auth_ssl_username_from_cert = yes and ssl_cert_username_field in Dovecot, and a user "
        "who needs no password; or name the user (imaps://USER@HOST here)",
    ),
    _Refusal(
        applications=(Application.LDAP,),
        says=r".",
        to="EXTERNAL",
        code="ldap-bind-refused",
        summary="the server refused the bind by the client's certificate (SASL EXTERNAL)",
        reference="RFC 4513 section 5.2.3",
        fix="read the server's log; in OpenLDAP, authz-regexp maps the certificate's subject to an "
        "entry",
    ),
    _Refusal(
        applications=(Application.MQTT,),
        says=r".",
        code="mqtt-refuses-client",
        summary="the MQTT server refused the client: it may want a user and a password, or not "
        "take the certificate as a login",
        reference="MQTT 3.1.1 section 3.2.2.3",
        fix="in mosquitto, use_identity_as_username takes the user from the certificate, which it "
        "asks for with require_certificate only; without these, or a password, allow_anonymous "
        "decides",
    ),
    _Refusal(
        applications=(Application.REDIS,),
        says=r".",
        code="redis-refuses-client",
        summary="Redis refused the command: its user may not run it, or protected mode is on",
        reference="Redis' documentation, ACL and protected mode",
        fix="see ACL WHOAMI and ACL LOG on the server",
    ),
    _Refusal(
        applications=(Application.GRPC,),
        says=r".",
        code="grpc-refuses-client",
        summary="the gRPC server refused the call, not the handshake: its own rules decide, by the "
        "certificate's names or by a token in the call's metadata",
        reference="gRPC's documentation, status codes",
        fix="read the server's log: an interceptor, or a proxy in front, decides by whom it sees "
        "as the peer",
    ),
)

_BY_CERTIFICATE = (
    "where it takes certificates as logins (SASL EXTERNAL; in Dovecot auth_mechanisms, "
    "auth_ssl_username_from_cert and a user without a password), the client needs none"
)
_OTHER_LOGINS = {
    Application.IMAP: _BY_CERTIFICATE,
    Application.POP3: _BY_CERTIFICATE,
    Application.POSTGRES: "the method cert in pg_hba.conf takes the certificate as the login; "
    "clientcert=verify-full demands one beside the password",
    Application.MYSQL: "name a user without a password (mysql://USER@HOST here)",
    Application.LDAP: "OpenLDAP takes a certificate as a login (SASL EXTERNAL) where it has asked "
    "for it and verified it (TLSVerifyClient)",
    Application.REDIS: "the certificate is no login to Redis, unless it is told to take the user "
    "from it (tls-auth-clients-user in later versions): the user default has a password",
}

_UNIMPLEMENTED = "12"
# What a user can ask with, so that the certificate decides.
_BY_REQUEST = {
    Application.HTTP2: "the path of the URL, --request",
    Application.POSTGRES: "the user and the database: postgres://USER@HOST/DATABASE",
    Application.MYSQL: "the user: mysql://USER@HOST",
    Application.SMTP: "a recipient: --request /USER@DOMAIN",
    Application.LMTP: "a recipient: --request /USER@DOMAIN",
    Application.IMAP: "the user: imaps://USER@HOST",
    Application.POP3: "the user: pop3s://USER@HOST",
    Application.LDAP: "the user: ldaps://USER@HOST",
    Application.MQTT: "the user: mqtts://USER@HOST",
}


def refused_by_application(
    summary: Evidence,
    outcome: Outcome,
    suspected: Sequence[Cause],
    trust: TrustVerdict | None,
    *,
    withholds: bool,
) -> Iterator[Cause]:
    """Yield what fits where the handshake was accepted, and the application refused the client.

    ``suspected`` are the causes that the client's certificate shows; ``withholds`` tells that it
    has one and did not send it, which is another cause's.
    """
    answer = outcome.answer
    assert answer is not None
    said = f"{answer.code} {answer.words}"
    evidence = (_COMPLETED, answered(answer), *_certificate(summary))
    if trust is not None:
        evidence = (*evidence, judged_here(trust))
    for known in _REFUSALS:
        by_it = answer.application in known.applications and known.to in answer.asked
        if by_it and re.search(known.says, said):
            if known.wants and summary.client_chain:
                yield from suspected
                yield _distrusted(answer, evidence)
                return
            lacks = known.wants and not withholds
            fix = f"{give_certificate(summary)}; {known.fix}" if lacks else known.fix
            yield Cause(
                code=known.code,
                summary=known.summary,
                evidence=evidence,
                reference=known.reference,
                fix=fix,
            )
            return
    yield Cause(
        code="application-refuses",
        summary=f"{answer.application.title} refused the client, not the handshake; whether for "
        "its certificate cannot be told from here",
        evidence=evidence,
        reference="RFC 9846 section 6",
        fix="read the server's log: its rules may not allow this user or this certificate",
    )


def _distrusted(answer: ApplicationAnswer, evidence: tuple[str, ...]) -> Cause:
    return Cause(
        code="application-distrusts-certificate",
        summary=f"{answer.application.title} says that the client's certificate is not valid, or "
        "not trusted: the handshake took it, and left the verdict to the application",
        evidence=evidence,
        reference="RFC 5280 section 6.1",
        fix="compare the CA of the certificate with those that the server trusts for clients "
        "(smtpd_tls_CAfile in Postfix, ssl_ca in Dovecot), its dates and its purpose; the "
        "server's log has the reason",
    )


def _certificate(summary: Evidence) -> Iterator[str]:
    """Yield what became of the client's certificate in the handshake."""
    if summary.client_chain:
        yield "the client presented a certificate"
    elif summary.client_chain is not None and summary.request is not None:
        yield EMPTY
    elif summary.request is None and not summary.sealed and not summary.resumed:
        yield NO_REQUEST


def left_open(outcome: Outcome) -> Iterator[Cause]:
    """Yield what it means that the application's answer neither lets in nor refuses."""
    answer, meaning = outcome.answer, outcome.answer_meaning
    if answer is None or meaning in (AnswerMeaning.ADMITTED, AnswerMeaning.REFUSED):
        return
    title, evidence = answer.application.title, (_COMPLETED, answered(answer))
    if meaning is AnswerMeaning.ASKS:
        yield Cause(
            code="application-asks-for-login",
            summary=f"TLS let the client in, and {title} asks for another login: whether the "
            "certificate counts for it cannot be told from here",
            evidence=evidence,
            reference="RFC 9846 section 6",
            fix=_OTHER_LOGINS.get(answer.application, "log in as the server asks"),
        )
    elif _HTTP_1_1_REQUIRED in answer.code:
        yield Cause(
            code="http2-not-taken",
            summary="the server wants this request in HTTP/1.1: among others where it has to ask "
            "for a certificate after the handshake, which HTTP/2 forbids",
            evidence=evidence,
            reference="RFC 9113 sections 7 and 9.2.1; RFC 8740 section 3",
            fix="offer http/1.1 alone (--alpn http/1.1 here, --http1.1 in curl), or ask for the "
            "certificate of the whole host",
        )
    else:
        summary, fix = _open(answer)
        yield Cause(
            code="application-answer-open",
            summary=f"TLS let the client in; {summary}",
            evidence=evidence,
            reference="RFC 9846 section 6",
            fix=fix,
        )


def _open(answer: ApplicationAnswer) -> tuple[str, str]:
    """Return what an answer that decides nothing means, and what to do."""
    title, log = answer.application.title, "read the server's log"
    if not answer.code:
        return (
            f"{title} was spoken inside, and no answer of {title} came: whether the client is let "
            "in cannot be told",
            f"name what the server speaks (--after), or {log}",
        )
    if answer.application is Application.GRPC and answer.code.startswith(_UNIMPLEMENTED):
        return (
            "the gRPC server has no health check (grpc.health.v1), the only call that is made "
            "here: whether others are refused cannot be told",
            f"add the health service to the server, or make a call of its own, and {log}",
        )
    way = _BY_REQUEST.get(answer.application, "")
    return (
        f"what {title} answered says neither that the client is let in nor that it is refused",
        f"ask for what only such a client may have ({way}), or {log}" if way else log,
    )
