"""The test suite: nothing outside the process, unless DATABASE_URL names a server."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# A database file in memory (where the system offers it) behaves like the real one, also with threads.
_shm = Path("/dev/shm")  # noqa: S108
_data = Path(tempfile.mkdtemp(prefix="isflow-test-", dir=_shm if os.access(_shm, os.W_OK) else None))
atexit.register(shutil.rmtree, _data, ignore_errors=True)
os.environ["ISFLOW_DATA_DIR"] = str(_data)
os.environ["SECRET_KEY"] = "only-for-tests-only-for-tests-only-for-tests-only-for-tests"
os.environ["ISFLOW_ENCRYPTION_KEYS"] = "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
# A test is one transaction, in which much may be done besides asking the database.
os.environ.setdefault("ISFLOW_DB_IDLE_SECONDS", "300")
for _name in ("ISFLOW_HTTP_ALLOW", "PUBLIC_URL", "ALLOWED_HOSTS", "DEBUG", "EMAIL_URL", "LOG_LEVEL"):
    os.environ.pop(_name, None)
_redis = os.environ.pop("REDIS_URL", "")

from isflow.settings.base import *  # noqa: E402 - the environment must be sealed first

# Tests that really need Redis (marker "postgres") take it from here.
TEST_REDIS_URL = _redis
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(_data / "test.sqlite3")}
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise.")]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ISFLOW_HTTP_ALLOW = []
ISFLOW_PLUGINS = ["tests.emulated"]
CELERY_BROKER_URL = "memory://localhost/"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
AXES_ENABLED = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
