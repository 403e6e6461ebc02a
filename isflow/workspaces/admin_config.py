"""Puts our admin site in the place of Django's."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class IsflowAdminConfig(AdminConfig):
    """Named in INSTALLED_APPS instead of ``django.contrib.admin``."""

    default_site = "isflow.workspaces.admin_site.IsflowAdminSite"
