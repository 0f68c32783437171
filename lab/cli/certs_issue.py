"""``python -m lab.certs issue``: one more client under the lab's CA, good or broken."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab.cli.command_line import CommandLine, Example, output, refuse, say
from lab.cli.identity_options import add_pfx_password, named_folder, pfx_password
from lab.pki.catalogue import Recipe
from lab.pki.errors import PkiError
from lab.pki.files.issue_client import (
    ClientPaths,
    ClientPlan,
    deviations,
    good_client,
    lab_authority_for,
    write_client,
)
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, SET_HEADERS, Role, load_role
from lab.pki.identity import Identity
from lab.pki.profiles import DEFAULT_PFX_PASSWORD, LEAF_DAYS, alternative_name
from lab.probing.results import ScenarioFamily
from lab.probing.scenarios.catalogue_order import UnknownScenario, find_scenario
from lab.probing.scenarios.scenario import Scenario, TlsClient
from lab.show.text.paper import print_table
from lab.tls.escape import escaped
from lab.x509.certificates import row

DOOR = "lab.certs issue"


NOTES = (
    "The files: NAME.crt (with its chain), NAME.key and NAME.pfx; NAME.crl where the scenario has "
    "revocation lists. python -m lab.probe --list names the scenarios; those that are about a "
    "client's certificate can be issued.",
    "exit code:\n"
    "  0  written and read back\n"
    "  2  refused, nothing was changed, and one line says why",
)
EXAMPLES = (
    Example(does="one more client", arguments="--cn alice"),
    Example(does="an expired one", arguments="--cn late --scenario expired"),
    Example(
        does="one with a SPIFFE ID",
        arguments="--cn billing --san URI:spiffe://example.org/billing --days 30",
    ),
)


def parser(prog: str = "python -m lab.certs issue") -> CommandLine:
    """The command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="--cn NAME",
        description="Issue one more client certificate from the lab's CA, good or broken in one "
        "named way; write all files, or none.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    _add_options(command_line)
    return command_line


def _add_options(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add("--cn", required=True, metavar="NAME", help="commonName, up to 64 bytes in UTF-8")
    add(
        "--san",
        nargs="+",
        action="extend",
        default=[],
        metavar="TYPE:NAME",
        help="subjectAltName: DNS:, IP:, URI: (for example a SPIFFE ID) or email:",
    )
    add(
        "--days",
        type=int,
        metavar="N",
        help=f"lifetime in days, up to the CA's (default: {LEAF_DAYS})",
    )
    add("--scenario", metavar="NAME", help="what is to be wrong with it (default: nothing)")
    add(
        "--dir",
        type=Path,
        default=DEFAULT_DIRECTORY,
        help="the folder of ca.crt and ca.key (default: %(default)s)",
    )
    add(
        "--out",
        type=Path,
        metavar="DIR/NAME",
        help="the files to write, without .crt, .key and .pfx (default: the CN, in --dir)",
    )
    add_pfx_password(command_line, "NAME.pfx")
    add("--force", action="store_true", help="replace files of that name")


class NoIdentity(ValueError):
    """A scenario has no certificate of a client to issue. Its message is for the user."""


def main(argv: Sequence[str], *, prog: str = "python -m lab.certs issue") -> int:
    """Run it; returns the exit code."""
    options = parser(prog).read(argv)
    try:
        _issue(options)
    except (PkiError, NoIdentity, UnknownScenario) as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _issue(options: argparse.Namespace) -> None:
    scenario = find_scenario(options.scenario) if options.scenario else None
    recipe = _recipe(scenario) if scenario else good_client
    make_lists = scenario.host.revocation_lists if scenario else None
    plan = ClientPlan(
        cn=options.cn,
        names=tuple(dict.fromkeys(map(alternative_name, options.san))),
        days=options.days,
        pfx_password=pfx_password(options),
    )
    if options.out is None:
        paths = ClientPaths.of(options.dir, options.cn)
    else:
        paths = ClientPaths(stem=options.out)
    named_folder(options.dir)
    now = datetime.now(timezone.utc)
    ca = lab_authority_for(plan, load_role(options.dir, Role.CA, now=now).identity, now=now)
    identity = write_client(
        paths,
        recipe,
        ca,
        pfx_password=plan.pfx_password,
        lists=make_lists(ca) if make_lists else (),
        replace=options.force,
    )
    say([f"Wrote {len(paths.existing())} files to {paths.directory}:", ""])
    cells = (paths.certificate.name, *row(identity.certificate))
    with output() as file:
        print_table(SET_HEADERS, [cells], file)
    say(["", *_remarks(scenario, plan, paths, identity)])


def _recipe(scenario: Scenario) -> Recipe:
    client = scenario.client
    if scenario.family is not ScenarioFamily.IDENTITY:
        raise NoIdentity(
            f"the scenario {scenario.name} is not about a client's certificate but about "
            f"{scenario.family.value}; name another one"
        )
    if not isinstance(client, TlsClient) or client.identity is None:
        raise NoIdentity(
            f"the scenario {scenario.name} is about a client without a certificate, so there is "
            "none to issue; name another one"
        )
    return client.identity


def _remarks(
    scenario: Scenario | None, plan: ClientPlan, paths: ClientPaths, identity: Identity
) -> Iterator[str]:
    if scenario is not None:
        yield f"{scenario.name}: {scenario.sentence}."
        for each in deviations(plan, identity.certificate):
            yield f"As {scenario.name} is made, {escaped(each)}."
    if paths.lists.exists():
        yield f"{paths.lists.name} has the revocation lists that go with it."
    if not paths.pfx.exists():
        yield f"Keep secret: {paths.key.name}. There is no PFX, which cannot hold such a key."
        return
    yield f"Keep secret: {paths.key.name}, {paths.pfx.name}."
    if plan.pfx_password == DEFAULT_PFX_PASSWORD:
        yield f"The password of {paths.pfx.name} is {DEFAULT_PFX_PASSWORD}."
