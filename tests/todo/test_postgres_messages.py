"""The words for PostgreSQL databases and their errors."""

from __future__ import annotations

import pytest

from lab.todo.postgres_messages import database_name, meaning


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("me:secret@a:1,b/todo?sslmode=require&password=other", "a:1,b:5432/todo"),
        ("me:sec%2Fret@[::1]/todo", "[::1]:5432/todo"),
        ("me@/", "host.of.environment:7/me"),
        ("/todo?host=/run/db&port=1", "/run/db:1/todo"),
        ("me:sec?ret@a/", "a:7/me"),
        ("me@a:1,b:2?service=main", "service main"),
    ],
)
def test_the_name_of_a_database_has_no_password(
    url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "host.of.environment")
    monkeypatch.setenv("PGPORT", "7" if "," not in url and "[" not in url else "5432")
    monkeypatch.delenv("PGDATABASE", raising=False)
    assert database_name("postgresql://" + url) == f"PostgreSQL {name}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("a/b?nosuch=1", 'invalid URI query parameter: "nosuch"'),
        ("me:s3cr%zzt@a/b", "invalid percent-encoded token; in a user, a password"),
        ("me@a/b?password=s3%zzcr", "invalid percent-encoded token; in"),
        ("me:s3c/r@a/b", "an @ too many; in a user, a password"),
        ("me:s3cr@t@a/b", "an @ too many"),
        ("me:s3cr@[::1", "matching"),
        ("me@a:s3cr/b", "a port is not a number"),
    ],
)
def test_what_is_no_url_is_told_without_the_password(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        database_name("postgresql://" + url)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "state", "remedy"),
    [
        ("connection refused", None, "check that it runs, and what --store says"),
        ("deadlock detected", "40P01", "its log may say more"),
        ('database "todo" does not exist', None, "create it"),
        ('relation "mtls_lab_todo" does not exist', "42P01", "its tables were removed or changed"),
        ("FATAL: the database system is starting up", None, "wait until it is ready"),
        ('could not load private key file "x": key values mismatch', None, "sslcert and sslkey"),
        ("SSL error: tlsv1 alert unknown ca", None, "check sslrootcert, sslcert and sslkey"),
        ('too many connections for role "x"', None, "takes two"),
    ],
)
def test_what_to_do_fits_the_error(message: str, state: str | None, remedy: str) -> None:
    line = meaning("PostgreSQL a", message, state)
    assert line.startswith(f"PostgreSQL a: {message}; ")
    assert remedy in line.rpartition("; ")[2] or remedy in line.partition(f"{message}; ")[2]
