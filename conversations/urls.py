"""Pages of the inbox and doors of the chat widget; full paths."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.inbox import actions, views
from conversations.widget import demo
from conversations.widget import views as widget

urlpatterns: list[URLPattern | URLResolver] = [
    path("w/<slug:slug>/inbox/", views.inbox, name="inbox"),
    path("w/<slug:slug>/inbox/rows/", views.rows, name="inbox_rows"),
    path("w/<slug:slug>/inbox/counts/", views.counts, name="inbox_counts"),
    path("w/<slug:slug>/inbox/<int:contact_id>/", views.thread, name="inbox_thread"),
    path("w/<slug:slug>/inbox/<int:contact_id>/items/", views.items, name="inbox_items"),
    path("w/<slug:slug>/inbox/<int:contact_id>/send/", actions.send, name="inbox_send"),
    path("w/<slug:slug>/inbox/<int:contact_id>/assign/", actions.assign, name="inbox_assign"),
    path("w/<slug:slug>/inbox/<int:contact_id>/close/", actions.close, name="inbox_close"),
    path("w/<slug:slug>/inbox/<int:contact_id>/open/", actions.open_again, name="inbox_open"),
    path("w/<slug:slug>/inbox/<int:contact_id>/read/", actions.read, name="inbox_read"),
    path("w/<slug:slug>/inbox/<int:contact_id>/contact/", actions.edit, name="inbox_contact"),
    path("widget/<str:token>.js", widget.script, name="widget_script"),
    path("widget/<str:token>/", widget.frame, name="widget_base"),
    path("widget/<str:token>/frame", widget.frame, name="widget_frame"),
    path("widget/<str:token>/session", widget.session, name="widget_session"),
    path("widget/<str:token>/messages", widget.messages, name="widget_messages"),
    path("demo/", demo.shop, name="demo_shop"),
]
