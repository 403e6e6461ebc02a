"""What every test starts from: a sealed network, nobody acting, no fault armed, hints kept in a list."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from isflow.infra import faults
from isflow.infra.layers import ThreadedInMemoryChannelLayer
from isflow.infra.tasks import captured_hints
from tests.harness.sessions import end_sessions


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Before the test database is dropped, end what threads have left open."""
    yield
    with django_db_blocker.unblock():
        end_sessions()


@pytest.fixture(autouse=True)
def hints():
    """Collect the queues hinted at so far; no broker is touched."""
    with captured_hints() as queues:
        yield queues


@pytest.fixture(autouse=True)
def _no_faults():
    yield
    faults.disarm_all()


@pytest.fixture(autouse=True)
def _no_server():
    """Forget the loop that a test named as the server's."""
    yield
    ThreadedInMemoryChannelLayer.home = None


@pytest.fixture(autouse=True)
def _empty_cache():
    """Ids are used again after a rollback; what was counted under them is not."""
    cache.clear()
