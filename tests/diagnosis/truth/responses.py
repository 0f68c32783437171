"""What the servers of the known truth answer by HTTP, with or without a word about the reason."""

from __future__ import annotations

from tests.diagnosis.truth.setup import Reason, Setup

PATH = "/todo"

# The words of nginx for the first two, those of Apache for LATE; the others are made up.
_WORDS = {
    Reason.NO_CERTIFICATE: "No required SSL certificate was sent",
    Reason.BAD_CERTIFICATE: "The SSL certificate error",
    Reason.SUBJECT: "this client is not on the list",
    Reason.HOST: "no such host here",
    Reason.REQUEST: "the request lacks its token",
    Reason.LATE: "Reason: Cannot perform Post-Handshake Authentication.",
}
_PHRASES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}


def response(setup: Setup) -> bytes:
    """Return the whole answer."""
    application = setup.application
    words = _WORDS.get(application.reason, "") if application.says_why else ""
    body = f"<html><body>{words or 'hello'}</body></html>\r\n".encode()
    phrase = _PHRASES.get(application.status, "Refused")
    head = (
        f"HTTP/1.1 {application.status} {phrase}\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
