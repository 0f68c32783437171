"""A ClientHello that takes more than one TCP segment, and what may not take it.

This module must not know certificates: none has been sent at that point.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.results import ONE_OF_SEVERAL, Cause
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.code_points import NamedGroup
from lab.tls.events import Endpoint, Event, MessageSeen
from lab.tls.extensions import SupportedGroups
from lab.tls.messages import ClientHello

# What one segment holds as a rule: Ethernet's 1,500 bytes without the headers of IPv4 and TCP.
_SEGMENT = 1460
_RECORD_HEADER = 5
_POST_QUANTUM = (
    NamedGroup.MLKEM512,
    NamedGroup.MLKEM768,
    NamedGroup.MLKEM1024,
    NamedGroup.SECP256R1MLKEM768,
    NamedGroup.X25519MLKEM768,
    NamedGroup.SECP384R1MLKEM1024,
)
# What those send who parse the first segment as if it were all, beside no answer at all.
_ALERTS = (
    None,
    Alert.DECODE_ERROR,
    Alert.UNEXPECTED_MESSAGE,
    Alert.ILLEGAL_PARAMETER,
    Alert.HANDSHAKE_FAILURE,
    Alert.INTERNAL_ERROR,
)


def unread_large_hello(events: Sequence[Event], alert: Alert | None, ending: str) -> Cause | None:
    """Return the cause where a ClientHello that was not answered is a large one, else None."""
    hello = next(
        (
            event
            for event in events
            if isinstance(event, MessageSeen)
            and event.endpoint is Endpoint.CLIENT
            and isinstance(event.message, ClientHello)
        ),
        None,
    )
    if hello is None or alert not in _ALERTS:
        return None
    size = _RECORD_HEADER * max(1, len(hello.records)) + len(hello.raw)
    if size <= _SEGMENT:
        return None
    assert isinstance(hello.message, ClientHello)
    groups = hello.message.find(SupportedGroups)
    offered = (
        [group for group in groups.named_group_list if group in _POST_QUANTUM] if groups else []
    )
    why = (f"it offers {offered[0]}, whose key share makes it so large",) if offered else ()
    return Cause(
        code="large-client-hello",
        summary="the server, or a firewall or load balancer before it, may not take a ClientHello "
        "that comes in more than one TCP segment",
        evidence=(
            ending,
            f"the ClientHello takes {size:,} bytes; a TCP segment holds {_SEGMENT:,} as a rule",
            *why,
            ONE_OF_SEVERAL,
        ),
        reference="RFC 9846 section 5.1; RFC 9293 section 3.8",
        fix="try without the post-quantum group (openssl s_client -groups X25519, curl --curves "
        "X25519, GODEBUG=tlsmlkem=0 in Go); where that is answered, update what does not read on"
        if offered
        else "try with a shorter ClientHello (fewer ALPN protocols, no session ticket); where that "
        "is answered, update what does not read on",
    )
