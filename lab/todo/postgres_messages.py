"""The words for a PostgreSQL database and for its errors: what is wrong, and what to do."""

from __future__ import annotations

import psycopg
from psycopg import conninfo, errors
from psycopg.pq import Conninfo

from lab.tls.escape import printable

_MOST_SHOWN = 600  # characters of a message of PostgreSQL
_ENCODED = "in a user, a password or a database %, /, ? and @ are written as %25, %2F, %3F and %40"

TABLES_CHANGED = (
    "its tables were removed or changed: put a backup in place, or remove what is left of "
    "mtls_lab_store and mtls_lab_todo and start a server, which makes them anew"
)
# What is in PostgreSQL's message, or its SQLSTATE, and what to do.
_REMEDIES = (
    ("password", "check the user and the password (PGPASSWORD, ~/.pgpass)"),
    ("authentication failed", "check the user, its certificate (sslcert, sslkey), and pg_hba.conf"),
    ("28000", "check the user, its certificate (sslcert, sslkey), and pg_hba.conf"),
    ("pg_hba.conf", "check the user, its certificate (sslcert, sslkey), and pg_hba.conf"),
    ("certificate", "check sslrootcert, sslcert and sslkey, and the name of the host"),
    ("private key file", "check sslcert and sslkey"),
    ("SSL error", "check sslrootcert, sslcert and sslkey; its log may say more"),
    ("too many clients", "raise its max_connections, or run fewer servers"),
    ("connection slots", "raise its max_connections, or run fewer servers"),
    ("too many connections", "raise that limit (each server takes two), or run fewer servers"),
    ("57P03", "wait until it is ready"),
    ("system is starting up", "wait until it is ready"),
    ("system is shutting down", "start it again"),
    ("53100", "free some space on its disk"),
    ("No space left", "free some space on its disk"),
    ("25006", "name the primary among the hosts (target_session_attrs=read-write)"),
    ("session is read-only", "name the primary among the hosts (target_session_attrs=read-write)"),
    ("42501", "grant this user the right to create and use tables there"),
    ("42P07", "choose a database without tables of that name"),
    ("42P01", TABLES_CHANGED),
    ("42703", TABLES_CHANGED),
    ("3F000", "give this user a search_path with a schema in which it may create tables"),
    ("does not exist", "create it, or name another one in --store"),
)
_REMEDY = "check that it runs, and what --store says"
REMEDY_OF_SILENCE = (
    "check that it and the network between are alive, and the standbys that it waits for "
    "(synchronous_standby_names)"
)
_REMEDY_OF_AN_ANSWER = "its log may say more"


def database_name(url: str) -> str:
    """Return words for the database at ``url``, without passwords. Raises ValueError."""
    _, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    if authority.count("@") > 1 or "@" in path.partition("?")[0]:
        raise ValueError(f"there is an @ too many; {_ENCODED}")
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:  # it quotes what may be a part of the password
        what, _, quoted = str(error).strip().partition(': "')
        known = f': "{quoted}' if what == "invalid URI query parameter" else f"; {_ENCODED}"
        raise ValueError(printable(what + known)) from None
    if given.get("service"):
        return printable(f"PostgreSQL service {given['service']}")
    found = {**_defaults(), **given}
    hosts = str(found.get("host") or found.get("hostaddr") or "localhost").split(",")
    ports = str(found.get("port") or "5432").split(",")
    if not all(port.isdecimal() or not port for port in ports):
        raise ValueError(f"a port is not a number; {_ENCODED}")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    names = (f"[{host}]" if ":" in host else host for host in hosts)
    where = ",".join(f"{host}:{port or 5432}" for host, port in zip(names, ports, strict=False))
    return printable(f"PostgreSQL {where}/{found.get('dbname') or found.get('user') or ''}")


def _defaults() -> dict[str, str]:
    """Return what libpq takes where a URL says nothing: PGHOST and its like, or its own."""
    return {
        option.keyword.decode(): option.val.decode(errors="replace")
        for option in Conninfo.get_defaults()
        if option.val
    }


def meaning(name: str, message: str, state: str | None = None) -> str:
    """Return one line: what is wrong with the database, and what to do."""
    _, _, of_several_hosts = message.partition("All failures were:")
    words = printable(" ".join((of_several_hosts or message).split()))[:_MOST_SHOWN]
    known = f"{state} {message}"
    unknown = _REMEDY_OF_AN_ANSWER if state else _REMEDY
    remedy = next((remedy for part, remedy in _REMEDIES if part in known), unknown)
    if isinstance(state, str) and state == errors.QueryCanceled.sqlstate:
        remedy = "another transaction may hold a lock on its tables; end that one"
    return f"{name}: {words}; {remedy}"
