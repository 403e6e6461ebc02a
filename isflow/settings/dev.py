"""One machine, no further service: the settings of `make run` and of `manage.py` by default."""

from __future__ import annotations

import environ

from isflow.infra.keys import ensure_keys
from isflow.settings.base import *
from isflow.settings.base import ISFLOW_ENCRYPTION_KEYS, SECRET_KEY

if not (SECRET_KEY and ISFLOW_ENCRYPTION_KEYS):
    environ.Env.read_env(ensure_keys(ISFLOW_DATA_DIR))
    SECRET_KEY = env.str("SECRET_KEY")
    ISFLOW_ENCRYPTION_KEYS = env.list("ISFLOW_ENCRYPTION_KEYS")

WHITENOISE_AUTOREFRESH = DEBUG
