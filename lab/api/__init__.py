"""The lab as a library, for tests of your own.

    from lab.api import LabCA, LabServer, trace_server

    ca = LabCA()
    with LabServer(trust=ca) as server:
        trace = trace_server(server.address, identity=ca.client(scenario="expired"))[0]
        assert trace.outcome.rejected and trace.causes[0].code == "client-certificate-expired"

``trace_server``, ``probe_server``, ``explain_scenario``, ``explain_request`` and ``inspect_files``
block; each has a coroutine function of the same name with ``_async`` behind it. ``read_capture`` is
a generator, and ``read_capture_async`` one for an event loop; ``explain_error`` explains an error
text, and waits for nothing. ``LabServer`` is a context manager of both kinds. A blocking call works
with or without a running event loop, and blocks that loop as any blocking call does. Results are
frozen; errors are ``LabError``.
"""

from __future__ import annotations

from lab.api.calls import (
    BOTH_VERSIONS,
    explain_error,
    explain_scenario,
    explain_scenario_async,
    inspect_files,
    inspect_files_async,
    list_scenarios,
    probe_server,
    probe_server_async,
    trace_server,
    trace_server_async,
)
from lab.api.captures import read_capture, read_capture_async
from lab.api.lab_identities import (
    ArgumentError,
    ConnectionFailedError,
    FileError,
    LabCA,
    LabError,
    LabIdentity,
    NoTlsError,
    NotProbableError,
    Password,
    ScenarioError,
    Trust,
    load_identity,
)
from lab.api.plans import route_of
from lab.api.request_explanations import explain_request, explain_request_async
from lab.api.server_in_thread import LabServer
from lab.api.session_choice import SessionProbing
from lab.api.tap_in_thread import LabTap
from lab.diagnosis.error_texts.results import ErrorExplanation, ErrorFinding, PossibleCause
from lab.diagnosis.results import Cause, Outcome, Result, Signal
from lab.http.limits import Limits
from lab.inspecting.results import Inspection
from lab.probing.results import Explanation, Finding, Report, ScenarioDescription, Verdict
from lab.tracing.certificate_requests.results import RequestReport
from lab.tracing.results import Trace
from lab.tracing.route import Route

__all__ = [
    "BOTH_VERSIONS",
    "ArgumentError",
    "Cause",
    "ConnectionFailedError",
    "ErrorExplanation",
    "ErrorFinding",
    "Explanation",
    "FileError",
    "Finding",
    "Inspection",
    "LabCA",
    "LabError",
    "LabIdentity",
    "LabServer",
    "LabTap",
    "Limits",
    "NoTlsError",
    "NotProbableError",
    "Outcome",
    "Password",
    "PossibleCause",
    "Report",
    "RequestReport",
    "Result",
    "Route",
    "ScenarioDescription",
    "ScenarioError",
    "SessionProbing",
    "Signal",
    "Trace",
    "Trust",
    "Verdict",
    "explain_error",
    "explain_request",
    "explain_request_async",
    "explain_scenario",
    "explain_scenario_async",
    "inspect_files",
    "inspect_files_async",
    "list_scenarios",
    "load_identity",
    "probe_server",
    "probe_server_async",
    "read_capture",
    "read_capture_async",
    "route_of",
    "trace_server",
    "trace_server_async",
]
