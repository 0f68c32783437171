"""The documents of a probe of a client keep to their schema, and XML to XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import jsonschema

from lab.probing.clients.results import ClientConduct, ClientVerdict
from lab.probing.clients.server_selection import TESTED_SERVERS
from lab.show.documents.client_probe_documents import client_junit, client_probe_document
from tests.support.client_reports import HOSTILE, client_finding, client_report, good
from tests.support.schemas import schema_of

REPORT = client_report(
    good(),
    client_finding("expired"),
    client_finding("wrong-name", ClientVerdict.LET_IN, output=HOSTILE),
    client_finding("self-signed", ClientVerdict.CONCEALED, notes=(HOSTILE,)),
    client_finding("tls1.0-only", ClientVerdict.UNTOLD),
    client_finding("finished-wrong", ClientVerdict.UNTOLD, matters=False),
)


def test_the_document_keeps_to_its_schema() -> None:
    schema = schema_of("client_probe")
    found = json.loads(json.dumps(client_probe_document(REPORT)))
    jsonschema.validate(found, schema)
    assert found["command"] == ["curl", "{url}"]
    assert (found["passed"], found["good_accepted"]) == (False, True)
    assert [each["server"] for each in found["findings"] if not each["fine"]] == [
        "wrong-name",
        "self-signed",
        "tls1.0-only",
    ]
    assert {mistake["code"] for mistake in found["mistakes"]} == {
        "name-not-checked",
        "refusal-concealed",
    }
    finding = schema["$defs"]["finding"]["properties"]
    assert finding["verdict"]["enum"] == sorted(verdict.value for verdict in ClientVerdict)
    assert set(finding["client"]["enum"]) == {conduct.value for conduct in ClientConduct}


def test_junit_tells_failures_errors_and_what_was_skipped() -> None:
    suite = ET.fromstring(client_junit(REPORT))
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["6", "2", "1", "1"]
    assert suite.get("name") == "TLS client: curl {url}"
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert cases["wrong-name"].find("failure") is not None
    assert cases["finished-wrong"].find("skipped") is not None
    text = cases["wrong-name"].findtext("failure") or ""
    assert r"\x1b[31mred\x00</testcase>" in text
    assert cases["expired"].get("classname") == "mtls.client.certificate"


def test_every_server_can_be_written() -> None:
    report = client_report(*(client_finding(server.name) for server in TESTED_SERVERS))
    jsonschema.validate(client_probe_document(report), schema_of("client_probe"))
    assert len(ET.fromstring(client_junit(report)).findall("testcase")) == len(TESTED_SERVERS)
