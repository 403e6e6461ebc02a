from __future__ import annotations

import stat

from cryptography.fernet import Fernet

from isflow.infra.keys import ensure_keys, new_encryption_key


def test_an_encryption_key_has_an_id_and_fits_fernet():
    key_id, _, secret = new_encryption_key().partition(":")
    assert len(key_id) == 8
    assert Fernet(secret)


def test_keys_are_made_once_and_for_their_owner_only(tmp_path):
    folder = tmp_path / "data"

    path = ensure_keys(folder)
    before = path.read_text(encoding="utf-8")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_keys(folder).read_text(encoding="utf-8") == before
    assert [entry.name for entry in folder.iterdir()] == [path.name]


def test_both_secrets_are_in_the_file(tmp_path):
    names = [
        line.partition("=")[0] for line in ensure_keys(tmp_path).read_text(encoding="utf-8").splitlines()[1:]
    ]
    assert names == ["SECRET_KEY", "ISFLOW_ENCRYPTION_KEYS"]
