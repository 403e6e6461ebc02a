"""Production: refuses to start without its secrets and trusts only HTTPS."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from isflow.settings.base import *

DEBUG = False
for _name in ("SECRET_KEY", "ISFLOW_ENCRYPTION_KEYS"):
    if not globals()[_name]:
        msg = f"Set {_name} in the environment; `python -m isflow.infra.keys` prints fresh values."
        raise ImproperlyConfigured(msg)

STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = False

_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
