from django.db import migrations

INDEXES = {
    "contact_by_first_name": "workspace_id, upper(first_name::text) text_pattern_ops",
    "contact_by_last_name": "workspace_id, upper(last_name::text) text_pattern_ops",
    "contact_by_email_start": "workspace_id, upper(email::text) text_pattern_ops",
    "contact_by_phone_start": "workspace_id, phone varchar_pattern_ops",
}


def create(apps, schema_editor):
    """PostgreSQL finds beginnings by an index only if it compares characters, whatever the language."""
    if schema_editor.connection.vendor == "postgresql":
        for name, columns in INDEXES.items():
            schema_editor.execute(f"CREATE INDEX {name} ON contacts_contact ({columns})")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):

    dependencies = [('contacts', '0001_initial')]

    operations = [migrations.RunPython(create, drop)]
