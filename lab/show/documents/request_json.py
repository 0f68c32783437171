"""The JSON document of explained certificate requests.

Rules: as for traces (json_values.py): bytes are hexadecimal, a code point is its number with the
registry's name, what there is none of is null. Text is as the peer has it, escaped as JSON does.
"""

from __future__ import annotations

from lab.diagnosis.certificate_selection.results import CertificateAtHand, ClientSelection
from lab.show.documents.json_values import certificate_json, fields_of, json_value
from lab.tracing.certificate_requests.results import (
    CertificateFit,
    ExplainedRequest,
    RequestReport,
    UnaskedConnections,
)

SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""


def request_document(report: RequestReport) -> dict[str, object]:
    """Return a report as one JSON value that is valid under the schema "request"."""
    return {
        "schema_version": SCHEMA_VERSION,
        "source": report.source,
        "dialled": report.dialled,
        "certificates": [_certificate(certificate) for certificate in report.certificates],
        "requests": [_request(request) for request in report.requests],
        "unasked": [_unasked(connections) for connections in report.unasked],
        "left_out": report.left_out,
        "later_clients": [fields_of(client) for client in report.later_clients],
    }


def _certificate(certificate: CertificateAtHand) -> dict[str, object]:
    return {"name": certificate.name, "chain": [*map(certificate_json, certificate.chain)]}


def _request(request: ExplainedRequest) -> dict[str, object]:
    return {
        "server": request.server,
        "version": str(request.version),
        "time": request.time.value,
        "connections": request.connections,
        "numbers": list(request.numbers),
        "answers": [{"answer": answer.value, "count": count} for answer, count in request.answers],
        "terms": fields_of(request.terms) | {"names": list(request.terms.names)},
        "request": json_value(request.request),
        "fits": [_fit(fit) for fit in request.fits],
        "selections": [_selection(selection) for selection in request.selections],
    }


def _fit(fit: CertificateFit) -> dict[str, object]:
    return {
        "certificate": fit.certificate.name,
        "named": fit.named,
        "key_fits": fit.key_fits,
    }


def _selection(selection: ClientSelection) -> dict[str, object]:
    sent = selection.certificate
    return {
        "client": selection.client.code,
        "name": selection.client.name,
        "decision": selection.decision.name.lower(),
        "certificate": None if sent is None else sent.name,
        "rule": selection.rule,
        "reason": selection.reason,
        "measured": selection.measured,
        "source": selection.source or None,
    }


def _unasked(connections: UnaskedConnections) -> dict[str, object]:
    return {
        "server": connections.server,
        "version": None if connections.version is None else str(connections.version),
        "connections": connections.connections,
        "numbers": list(connections.numbers),
        "lack": connections.lack.name.lower(),
        "detail": connections.detail or None,
    }
