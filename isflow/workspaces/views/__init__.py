"""Own pages of people and workspaces: thin doors to the services."""

from __future__ import annotations
