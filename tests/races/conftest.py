from __future__ import annotations

import pytest
from django.db import connection

from isflow.infra.http import close_connections
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.harness.stub import running_stub


@pytest.fixture(autouse=True)
def _really_postgres(transactional_db):
    assert connection.vendor == "postgresql", "DATABASE_URL must name a PostgreSQL server"


@pytest.fixture
def shop():
    """A workspace with a web chat."""
    workspace = make_workspace()
    return workspace, make_channel(workspace, kind="web_chat")


@pytest.fixture
def stub(settings):
    with running_stub() as running:
        settings.ISFLOW_HTTP_ALLOW = [running.allow]
        yield running
        close_connections()
