"""Settings shared by every way of running isflow. The environment is read here and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from isflow.infra.generics import make_subscriptable
from isflow.infra.keys import key_file

make_subscriptable()

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

ISFLOW_DATA_DIR = Path(env.str("ISFLOW_DATA_DIR", default=str(BASE_DIR / "data")))
environ.Env.read_env(key_file(ISFLOW_DATA_DIR))

# --- Who we are -----------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
ISFLOW_DEMO = env.bool("ISFLOW_DEMO", default=False)  # shows the demo shop; `serve --demo` turns it on
SECRET_KEY = env.str("SECRET_KEY", default="")
# "keyid:base64fernetkey", newest first; older keys only decrypt.
ISFLOW_ENCRYPTION_KEYS: list[str] = env.list("ISFLOW_ENCRYPTION_KEYS", default=[])

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
ISFLOW_PUBLIC_URL_GIVEN = bool(env.str("PUBLIC_URL", default=""))
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS",
    default=list(dict.fromkeys([_public.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"])),
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
# Further origins whose pages may open our sockets, as exact scheme://host[:port].
ISFLOW_SOCKET_ORIGINS: list[str] = env.list("ISFLOW_SOCKET_ORIGINS", default=[])
# Names of this installation: outgoing calls to them are refused unless allowed below.
ISFLOW_OWN_HOSTS: list[str] = env.list("ISFLOW_OWN_HOSTS", default=[_public.hostname or "localhost"])
# Private addresses (host, host:port or network) that workflows may call all the same.
ISFLOW_HTTP_ALLOW: list[str] = env.list("ISFLOW_HTTP_ALLOW", default=[])
ISFLOW_PLUGINS: list[str] = env.list("ISFLOW_PLUGINS", default=[])

# --- Apps -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "isflow.workspaces.admin_config.IsflowAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "isflow.infra",
    "isflow.workspaces",
    "channels_app",
    "contacts",
    "conversations",
    "workflows",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "isflow.infra.doors.MachineDoorMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "isflow.infra.csp.PathCSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "isflow.urls"
ASGI_APPLICATION = "isflow.asgi.application"
WSGI_APPLICATION = "isflow.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "isflow.workspaces.context.shell",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------------------

SQLITE_OPTIONS: dict[str, Any] = {
    # Read-then-write under DEFERRED fails with "database is locked"; IMMEDIATE queues the writers.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA cache_size=-20000; PRAGMA temp_store=MEMORY;"
    ),
}

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{ISFLOW_DATA_DIR / 'db.sqlite3'}")
}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database.setdefault("OPTIONS", {}).update(SQLITE_OPTIONS)
    # Threads that serve live on, and so may their connections.
    _database["CONN_MAX_AGE"] = None
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
else:
    # Under ASGI a persistent connection outlives its thread; the pool does not. Hence CONN_MAX_AGE 0.
    _database["CONN_MAX_AGE"] = 0
    _database.setdefault("OPTIONS", {})["pool"] = {
        "min_size": env.int("ISFLOW_DB_POOL_MIN", default=2),
        "max_size": env.int("ISFLOW_DB_POOL_MAX", default=10),
        "timeout": 10,
    }
    # Whoever stands still in the middle of a transaction is cut off after so long, and its locks are free.
    _idle = env.int("ISFLOW_DB_IDLE_SECONDS", default=10)
    _given = _database["OPTIONS"].get("options", "")
    _database["OPTIONS"]["options"] = f"{_given} -c idle_in_transaction_session_timeout={_idle}s".strip()

# Requests served at the same time by one process.
ISFLOW_WEB_THREADS = env.int("ISFLOW_WEB_THREADS", default=8)

# --- Hints, sockets, cache: embedded without REDIS_URL --------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="")
ISFLOW_EMBEDDED = not REDIS_URL

CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("engine", "send", "calls", "bulk")]
CELERY_TASK_DEFAULT_QUEUE = "engine"
CELERY_TASK_DEFAULT_ROUTING_KEY = "engine"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage of its broker
CELERY_BROKER_CONNECTION_TIMEOUT = 0.2
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 0 if ISFLOW_EMBEDDED else 1
CELERY_TIMEZONE = "UTC"
# A worker thread keeps its SQLite connection for this many tasks; PostgreSQL's come from the pool.
CELERY_DB_REUSE_MAX = 200 if ISFLOW_EMBEDDED else None
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True

CHANNEL_LAYERS: dict[str, dict[str, Any]]
CACHES: dict[str, dict[str, Any]]
if ISFLOW_EMBEDDED:
    CELERY_BROKER_URL = "wake://localhost/"
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "isflow.infra.layers.ThreadedInMemoryChannelLayer",
            "CONFIG": {"capacity": 5000},
        }
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
else:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # A publisher waits this long for a frozen Redis and then goes on: a lost hint only costs delay.
        "socket_connect_timeout": 0.2,
        "socket_timeout": 0.5,
        # Kombu would otherwise sleep for seconds between attempts, in the middle of a request.
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        # What a worker has in its hands is noted nowhere else: if it dies, the sweep finds the work.
        "ack_emulation": False,
        "global_keyprefix": "isflow:",
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": "isflow", "capacity": 5000},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "isflow.infra.caches.SharedRedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "isflow",
            "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.5},
        }
    }

# --- The engine's bounds --------------------------------------------------------------------------

ISFLOW_MAX_VISITS = env.int("ISFLOW_MAX_VISITS", default=10_000)  # step visits of one run
ISFLOW_BURST_STEPS = env.int("ISFLOW_BURST_STEPS", default=200)  # steps of one commit
ISFLOW_MAX_DEPTH = env.int("ISFLOW_MAX_DEPTH", default=10)  # runs causing runs
ISFLOW_MAX_STARTS = env.int(
    "ISFLOW_MAX_STARTS", default=50
)  # machine-caused, per contact and workflow in 30 min
ISFLOW_MAX_LOST_LEASES = env.int("ISFLOW_MAX_LOST_LEASES", default=3)  # at one visit, then quarantine
ISFLOW_LEASE_SECONDS = env.int("ISFLOW_LEASE_SECONDS", default=10)
ISFLOW_BATCH = env.int("ISFLOW_BATCH", default=100)  # rows of one claim

# --- Sending --------------------------------------------------------------------------------------

# Calls to providers that one sender makes at once; a channel gets half of them, a workspace three quarters.
ISFLOW_SEND_SLOTS = env.int("ISFLOW_SEND_SLOTS", default=16)
# Older messages fail unsent. At most a day: longer no run waits to hear.
ISFLOW_SEND_MAX_AGE_HOURS = min(24, env.int("ISFLOW_SEND_MAX_AGE_HOURS", default=24))
ISFLOW_BREAKER_FAILURES = env.int("ISFLOW_BREAKER_FAILURES", default=5)  # in a row, then the channel rests
ISFLOW_BREAKER_SECONDS = env.int("ISFLOW_BREAKER_SECONDS", default=30)  # within which they must fall
ISFLOW_PROBE_SECONDS = env.int("ISFLOW_PROBE_SECONDS", default=10)  # a resting channel is tried so often
ISFLOW_DEAF_SECONDS = env.int("ISFLOW_DEAF_SECONDS", default=30)  # a worker that hears nothing ends

# --- Pruning --------------------------------------------------------------------------------------

ISFLOW_PRUNE_BATCH = env.int("ISFLOW_PRUNE_BATCH", default=1_000)  # rows of one transaction
ISFLOW_PRUNE_SECONDS = env.int("ISFLOW_PRUNE_SECONDS", default=30)  # of each ten minutes, per kind of row

# --- Checks we answer otherwise -------------------------------------------------------------------

SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # a constraint makes the e-mail address unique without regard to case
]

# --- People ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "isflow.infra.accounts.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme or "http"
MFA_ADAPTER = "isflow.infra.accounts.SealedMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "isflow"

AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "isflow.infra.accounts.attempted_login"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/lockout.html"

# --- Browser security -----------------------------------------------------------------------------

_POLICY: dict[str, Any] = {
    "default-src": [SELF],
    "script-src": [SELF],
    "style-src": [SELF],
    # Widths of bars and positions of nodes are style attributes; style elements stay forbidden.
    "style-src-attr": [UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:", "https:"],
    "media-src": [SELF, "blob:", "https:"],
    "font-src": [SELF, "data:"],
    "connect-src": [SELF],
    "object-src": [NONE],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _POLICY}
# The admin theme evaluates expressions and styles itself; its pages, and only they, may.
ISFLOW_ADMIN_CSP = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
ISFLOW_BEHIND_PROXY = env.bool("ISFLOW_BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ISFLOW_BEHIND_PROXY else None
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o640

# --- Language, time, files, mail ------------------------------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = None  # production collects; elsewhere files are found where they lie
STATICFILES_DIRS = [folder for folder in (BASE_DIR / "static",) if folder.is_dir()]
WHITENOISE_USE_FINDERS = True
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(ISFLOW_DATA_DIR / "media")))

_mail = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"isflow@{_public.hostname or 'localhost'}")

# --- API and admin --------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "isflow API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
}
UNFOLD = {
    "SITE_TITLE": "isflow",
    "SITE_HEADER": "isflow",
    "SITE_SUBHEADER": _("Workflows for conversations"),
    "SITE_SYMBOL": "account_tree",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/ui/logo.svg"}],
    "COLORS": {
        "primary": {
            "50": "#eef0ff",
            "100": "#e0e3ff",
            "200": "#c7cbfe",
            "300": "#a5a9fc",
            "400": "#8285f8",
            "500": "#6366f1",
            "600": "#4f46e5",
            "700": "#4338ca",
            "800": "#3730a3",
            "900": "#312e81",
            "950": "#1e1b4b",
        },
    },
    "SIDEBAR": {"show_search": True, "navigation": "isflow.workspaces.admin_navigation.sidebar"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}

# --- Figures for supervisors ------------------------------------------------------------------------

# Bearer token for /metrics and /health/deep; without one only programs on this machine may read them.
ISFLOW_METRICS_TOKEN = env.str("ISFLOW_METRICS_TOKEN", default="")
# A folder that all processes share, emptied before they start; their counters are then added up.
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")

# --- Logs -----------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_JSON = env.bool("LOG_JSON", default=False)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "daphne": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
