from __future__ import annotations

import pytest

from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_contact, make_tag, make_workspace, recorded_events


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def other_workspace(db):
    return make_workspace("Rival")


@pytest.fixture
def scope(workspace):
    with workspace_scope(workspace.pk):
        yield workspace


@pytest.fixture
def contact(workspace):
    return make_contact(workspace)


@pytest.fixture
def vip(workspace):
    return make_tag(workspace)


@pytest.fixture
def events(contact, vip):
    """Events recorded after the contact and the tag were made."""
    with recorded_events() as seen:
        yield seen
