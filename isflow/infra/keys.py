"""Secrets of an installation that were not given by the environment. Plain Python: settings import it."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

KEY_FILE = "keys.env"


def key_file(data_dir: Path) -> Path:
    """Where a data folder keeps its generated keys."""
    return data_dir / KEY_FILE


def new_encryption_key() -> str:
    """Make one ``keyid:fernetkey`` entry for ISFLOW_ENCRYPTION_KEYS."""
    return f"{secrets.token_hex(4)}:{base64.urlsafe_b64encode(os.urandom(32)).decode()}"


def new_keys() -> str:
    """Make fresh secrets as lines of an environment file."""
    return f"SECRET_KEY={secrets.token_urlsafe(50)}\nISFLOW_ENCRYPTION_KEYS={new_encryption_key()}"


def ensure_keys(data_dir: Path) -> Path:
    """Create the key file unless it is there, readable by its owner only; of two at once, one wins."""
    path = key_file(data_dir)
    if path.exists():
        return path
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{KEY_FILE}.{os.getpid()}"
    warning = "# Made at the first start. Back this file up: without it stored secrets cannot be read."
    text = f"{warning}\n{new_keys()}\n"
    with open(draft, "x", opener=lambda name, flags: os.open(name, flags, 0o600), encoding="utf-8") as file:
        file.write(text)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path


if __name__ == "__main__":
    print(new_keys())  # noqa: T201 - its output is its purpose
