"""Hold that tests mirror ``lab``: the tests of lab/a/b.py are tests/a/test_b.py."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Modules that are tested together with others, and the file that tests them.
ELSEWHERE = {
    "__main__": "test_main",
    "api/plans": "api/test_calls",
    "capture/results": "capture/test_capture",
    "capture/item_order": "capture/test_tcp_flows",
    "capture/tcp_flow": "capture/test_tcp_flows",
    "cli/picture_options": "cli/test_picture_files",
    "cli/server_options": "cli/test_command_line",
    "cli/server_trace": "test_trace",
    "cli/session_options": "test_probe",
    "cli/tls_options": "cli/test_identity_options",
    "diagnosis/causes/alerts_in_use": "diagnosis/causes/test_certificate",
    "diagnosis/causes/application_refusals": "diagnosis/test_application_answers",
    "diagnosis/causes/refused_certificate": "diagnosis/test_diagnose",
    "diagnosis/causes/remedies": "diagnosis/causes/test_accepted",
    "diagnosis/causes/shown": "diagnosis/causes/test_certificate",
    "diagnosis/certificate_selection/candidates": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/cited_clients": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/gnutls_clients": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/go_clients": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/java_clients": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/nss_clients": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/openssl_clients": (
        "diagnosis/certificate_selection/test_select"
    ),
    "diagnosis/certificate_selection/other_clients": "diagnosis/certificate_selection/test_select",
    "diagnosis/certificate_selection/results": "diagnosis/certificate_selection/test_select",
    "diagnosis/handshake_progress": "diagnosis/test_outcome",
    "diagnosis/outcome_wording": "diagnosis/test_outcome",
    "diagnosis/reports": "diagnosis/test_outcome",
    "diagnosis/error_texts/all_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/alert_causes": "diagnosis/error_texts/test_possible_causes",
    "diagnosis/error_texts/known_phrases": "diagnosis/error_texts/test_explain_text",
    "diagnosis/error_texts/known_text": "diagnosis/error_texts/test_explain_text",
    "diagnosis/error_texts/results": "diagnosis/error_texts/test_explain_text",
    "diagnosis/error_texts/scenarios_of_causes": "diagnosis/error_texts/test_possible_causes",
    "diagnosis/error_texts/tables/alert_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/browser_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/curl_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/envoy_grpc_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/gnutls_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/go_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/java_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/node_rustls_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/openssl_file_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/openssl_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/proxy_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/python_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/service_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/speakers": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/verify_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/error_texts/tables/windows_texts": "diagnosis/error_texts/test_tables",
    "diagnosis/results": "diagnosis/test_outcome",
    "http/interfaces": "http/test_server_connection",
    "http/late_authentication": "serving/test_on_demand",
    "http/message": "http/test_server_connection",
    "inspecting/format_problems": "inspecting/test_inspect_files",
    "inspecting/results": "inspecting/test_inspect_files",
    "pki/errors": "pki/files/test_file_contents",
    "pki/files/file_formats": "pki/files/test_recognise_file",
    "pki/files/pem": "pki/files/test_file_contents",
    "pki/files/replace_files": "pki/files/test_set_writing",
    "pki/lab_ca": "pki/test_catalogue",
    "probing/endings": "probing/test_verdict",
    "probing/resumption/probe_sessions": "probing/resumption/test_session_trial",
    "probing/resumption/session_scenarios": "probing/resumption/test_session_grounds",
    "pki/server_catalogue": "probing/clients/test_server_selection",
    "probing/clients/certificate_servers": "probing/clients/test_server_selection",
    "probing/clients/client_connection": "probing/clients/test_tested_listener",
    "probing/clients/handmade_records": "probing/clients/test_handmade_handshake",
    "probing/clients/handshake_servers": "probing/clients/test_server_selection",
    "probing/clients/openssl_context": "probing/clients/test_tested_listener",
    "probing/clients/results": "probing/clients/test_probe_client",
    "probing/clients/served_answers": "probing/clients/test_tested_listener",
    "probing/clients/spoiling_wire": "probing/clients/test_tested_listener",
    "probing/clients/tested_server": "probing/clients/test_server_selection",
    "probing/scenarios/chain": "probing/scenarios/test_catalogue_order",
    "probing/scenarios/leaf": "probing/scenarios/test_catalogue_order",
    "probing/scenarios/policy": "probing/scenarios/test_catalogue_order",
    "probing/scenarios/server_certificates": "probing/scenarios/test_catalogue_order",
    "probing/scenarios/settings": "probing/scenarios/test_catalogue_order",
    "probing/scenarios/workloads": "probing/scenarios/test_catalogue_order",
    "serving/lab_server": "serving/test_listener",
    "serving/process": "test_server",
    "show/documents/junit": "show/documents/test_probe_documents",
    "show/stage_kinds": "show/text/test_server_log",
    "show/text/captures/capture_entries": "show/text/captures/test_capture_table",
    "show/text/message_names": "show/text/test_event_text",
    "show/text/message_text": "show/text/test_trace_text",
    "stream/contexts": "stream/test_tls_stream",
    "stream/key_log_source": "stream/test_observed_wire",
    "tls/connection_reader": "tls/test_observer",
    "tls/decryption": "tls/test_observer",
    "tls/direction": "tls/test_observer",
    "tls/events": "tls/test_observer",
    "tls/extensions": "tls/test_message_parsing",
    "tls/field_meanings": "tls/test_layout",
    "tls/field_reader": "tls/test_layout",
    "tls/key_derivation": "tls/test_protection",
    "show/html/answer_view": "show/html/test_trace_view",
    "show/html/event_view": "show/html/test_trace_view",
    "show/html/sequence_view": "show/html/test_trace_view",
    "tls/negotiated": "tls/test_observer",
    "tls/opener": "tls/test_protection",
    "tls/parsing_context": "tls/test_message_parsing",
    "tls/record_suites": "tls/test_protection",
    "tls/sealed_records": "tls/test_observer",
    "tls/sequence_search": "tls/test_missing_bytes",
    "tls/stages": "tls/test_observer",
    "todo/results": "todo/test_home",
    "tracing/certificate_requests/results": "tracing/certificate_requests/test_explain_requests",
    "tracing/preludes/http_connect": "tracing/preludes/test_before_tls",
    "tracing/preludes/prelude_stream": "tracing/preludes/test_before_tls",
    "tracing/preludes/proxy_header": "tracing/preludes/test_before_tls",
    "tracing/preludes/results": "tracing/preludes/test_before_tls",
    "tracing/preludes/socks5": "tracing/preludes/test_before_tls",
    "tracing/preludes/starttls_databases": "tracing/preludes/test_before_tls",
    "tracing/preludes/starttls_ldap": "tracing/preludes/test_before_tls",
    "tracing/preludes/starttls_mailbox": "tracing/preludes/test_before_tls",
    "tracing/preludes/starttls_rdp": "tracing/preludes/test_before_tls",
    "tracing/preludes/starttls_replies": "tracing/preludes/test_before_tls",
    "tracing/preludes/starttls_xmpp": "tracing/preludes/test_before_tls",
    "tls/application_protocol": "diagnosis/test_application_answers",
    "tracing/applications/http_client": "tracing/test_todo_client",
    "tracing/results": "tracing/test_trace_server",
    "webapp/watch/lab_clients": "webapp/watch/test_watched_server",
    "webapp/watch/traced_connection": "webapp/watch/test_watched_tap",
    "webapp/watch/watched_row": "webapp/watch/test_connection_list",
    "webapp/learn/certificate_stops": "webapp/learn/test_guided_path",
    "webapp/learn/later_authentication": "webapp/learn/test_guided_path",
    "webapp/learn/later_stops": "webapp/learn/test_guided_path",
    "webapp/learn/loopback_run": "webapp/learn/test_guided_path",
    "webapp/learn/lost_refusal": "webapp/learn/test_guided_path",
    "webapp/learn/results": "webapp/learn/test_learn_runs",
    "webapp/learn/resumed_session": "webapp/learn/test_guided_path",
    "webapp/learn/withheld_certificate": "webapp/learn/test_guided_path",
    "webapp/loopback_server": "webapp/test_web_application",
    "webapp/routes": "webapp/test_web_application",
    "webapp/services": "webapp/test_web_application",
    "webapp/web_process": "test_web",
    "webapp/web_responses": "webapp/test_web_application",
    "x509/file_problems": "x509/test_problems",
    "x509/spiffe_problems": "x509/test_problems",
    "x509/signatures": "x509/test_public_keys",
}


def modules() -> list[str]:
    """Return the names of all modules of ``lab`` below it, with slashes."""
    folder = ROOT / "lab"
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return sorted(path.with_suffix("").as_posix() for path in paths if path.name != "__init__.py")


def mirror_of(module: str) -> Path:
    """Return where the tests of a module are to be looked for."""
    path = ROOT / "tests" / module
    return path.with_name(f"test_{path.name}.py")


def test_each_module_has_its_test_file_or_is_known_to_be_tested_elsewhere() -> None:
    missing = [name for name in modules() if not mirror_of(name).is_file()]
    assert [name for name in missing if name not in ELSEWHERE] == []


@pytest.mark.parametrize(("module", "tests"), ELSEWHERE.items(), ids=ELSEWHERE)
def test_an_exception_is_needed_and_names_a_file_of_tests(module: str, tests: str) -> None:
    assert module in modules(), "the module has gone: remove its line"
    assert not mirror_of(module).is_file(), "the module has its own tests: remove its line"
    assert (ROOT / "tests" / f"{tests}.py").is_file()
