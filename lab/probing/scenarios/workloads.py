"""Scenarios: workloads that are known by a SPIFFE ID, and certificates that are no SVID.

OpenSSL takes all of them: it knows no rule of SPIFFE. What the rules are, ``lab.certs inspect --as
spiffe`` says of any certificate.
"""

from __future__ import annotations

from lab.pki import catalogue
from lab.pki.lab_ca import CLIENT_SPIFFE_ID
from lab.probing.results import Norm
from lab.probing.scenarios.leaf import identity
from lab.probing.scenarios.scenario import accepted

# A server that is not for workloads has no reason to refuse any of them.
WORKLOAD_SCENARIOS = (
    identity(
        "spiffe",
        catalogue.workload_svid,
        accepted(),
        sentence="The client is a workload with a SPIFFE ID",
        made=f"one URI, {CLIENT_SPIFFE_ID}; CA:FALSE, digitalSignature, serverAuth and clientAuth",
        cause="nothing is wrong: X509-SVID asks for one URI, and for no CN",
        norm=Norm.EITHER,
    ),
    identity(
        "spiffe-two-ids",
        catalogue.svid_two_uris,
        accepted(),
        sentence="The client's certificate has two SPIFFE IDs",
        made=f"as spiffe, with a second URI, {catalogue.OTHER_SPIFFE_ID}",
        cause="a template that adds a URI; OpenSSL takes it, a SPIFFE library refuses it "
        "(X509-SVID section 5.2): which of the two is the client, each server decides for itself",
        fix="issue one certificate for each ID",
        norm=Norm.EITHER,
        control="spiffe",
    ),
    identity(
        "spiffe-may-sign",
        catalogue.svid_may_sign,
        accepted(),
        sentence="The workload's certificate has keyCertSign",
        made="as spiffe, with keyCertSign beside digitalSignature, and CA:FALSE",
        cause="a template for CAs; OpenSSL takes it unless it checks strictly "
        "(VERIFY_X509_STRICT), a SPIFFE library refuses it (X509-SVID section 5.2)",
        fix="issue it with digitalSignature alone",
        norm=Norm.EITHER,
        control="spiffe",
    ),
    identity(
        "spiffe-capitals",
        catalogue.svid_capitals,
        accepted(),
        sentence="The trust domain of the SPIFFE ID has capital letters",
        made=f"as spiffe, with the URI {catalogue.CAPITAL_SPIFFE_ID}",
        cause="a name copied from elsewhere; SPIFFE-ID section 2.1 wants lower case. py-spiffe "
        "takes it for the ID in lower case, and a list of IDs that compares text does not find it",
        fix="issue it with the trust domain in lower case",
        norm=Norm.EITHER,
        control="spiffe",
    ),
    identity(
        "spiffe-without-path",
        catalogue.svid_without_path,
        accepted(),
        sentence="The SPIFFE ID is a trust domain's, not a workload's",
        made=f"as spiffe, with the URI {catalogue.TRUST_DOMAIN_ID}",
        cause="the CA's ID was given to a workload; X509-SVID section 3.1 wants a path",
        fix="issue it with a path behind the trust domain",
        norm=Norm.EITHER,
        control="spiffe",
    ),
)
