from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from isflow.infra import checks
from isflow.infra.checks import check_encryption_keys, check_http_allow_list, check_safe_commit
from isflow.infra.management.commands import rotatekeys
from isflow.infra.rotation import Rotation


class FakeConnection:
    """A database that answers every question with the values it was given."""

    def __init__(self, vendor, values):
        self.vendor = vendor
        self.values = values

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, _, params):
        self.row = (self.values.get(params[0], "on"),)

    def fetchone(self):
        return self.row


@pytest.mark.parametrize("keys", [[], ["noid"], ["a:short"]])
def test_missing_or_broken_keys_are_an_error(settings, keys):
    settings.ISFLOW_ENCRYPTION_KEYS = keys
    assert [error.id for error in check_encryption_keys()] == ["isflow.E002"]


def test_a_broken_allow_list_is_an_error(settings):
    settings.ISFLOW_HTTP_ALLOW = ["10.0.0.0/99"]
    assert [error.id for error in check_http_allow_list()] == ["isflow.E003"]


def test_the_settings_of_the_tests_pass():
    assert check_encryption_keys() + check_http_allow_list() == []


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes"])
def test_a_forgetful_postgres_is_an_error_unless_wanted(settings, monkeypatch, name):
    monkeypatch.setattr(checks, "connections", {"default": FakeConnection("postgresql", {name: "off"})})
    (error,) = check_safe_commit(databases=["default"])
    assert (error.id, name in error.msg) == ("isflow.E001", True)
    settings.ISFLOW_ALLOW_UNSAFE_COMMIT = True
    assert check_safe_commit(databases=["default"]) == []


def test_safe_and_other_databases_pass(monkeypatch):
    fakes = {"default": FakeConnection("postgresql", {}), "other": FakeConnection("sqlite", {"fsync": "off"})}
    monkeypatch.setattr(checks, "connections", fakes)
    assert check_safe_commit(databases=["default", "other"]) == []
    assert check_safe_commit() == []


@pytest.mark.postgres
def test_a_real_postgres_is_asked(db):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    found = {
        error.msg.split(" = ")[0].rpartition(" ")[2] for error in check_safe_commit(databases=["default"])
    }
    assert "synchronous_commit" in found


class TestRotateKeys:
    def test_it_tells_what_it_did(self, monkeypatch, capsys):
        monkeypatch.setattr(rotatekeys, "rotate_all", lambda batch: Rotation(batch, ()))
        call_command("rotatekeys", batch=3)
        assert capsys.readouterr().out == "3 secrets encrypted again.\n"

    def test_it_fails_if_a_secret_is_lost(self, monkeypatch):
        monkeypatch.setattr(rotatekeys, "rotate_all", lambda **_: Rotation(0, ("a.B.c:1",)))
        with pytest.raises(CommandError, match=r"a\.B\.c:1"):
            call_command("rotatekeys")
