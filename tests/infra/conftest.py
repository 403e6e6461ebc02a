from __future__ import annotations

import pytest
from django.db import connection

from tests.infra.samples import Sample


@pytest.fixture(scope="session")
def sample_table(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.create_model(Sample)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.delete_model(Sample)


@pytest.fixture
def samples(sample_table, db):
    """Five stored rows."""
    return Sample.objects.bulk_create([Sample(note=str(n)) for n in range(5)])
