"""How clients take a request for their certificate after the handshake, in words."""

from __future__ import annotations

from lab.diagnosis.results import LaterAnswer, LaterClient

HEADING = "asked later in TLS 1.3 / in TLS 1.2, by renegotiation (seen in runs with these versions)"
"""What the rows are about."""


def later_client_words(client: LaterClient) -> str:
    """Return a client's row on one line."""
    return f"{client.name}: {' / '.join(later_answers(client))} ({later_source(client)})"


def later_answers(client: LaterClient) -> tuple[str, str]:
    """Return how it answers in TLS 1.3, and in TLS 1.2, where a server has to renegotiate."""
    return _words(client, client.post_handshake), _words(client, client.renegotiation)


def _words(client: LaterClient, answer: LaterAnswer) -> str:
    return f"with {client.setting}" if answer is LaterAnswer.IF_TOLD else answer.value


def later_source(client: LaterClient) -> str:
    """Return how this is known: by a run of this project, by somebody else's word, or both."""
    seen = client.measured or "not tried"
    return f"{seen}; {client.source}" if client.source else seen
