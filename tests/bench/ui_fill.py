"""A workspace with a million conversations, filled by the database itself in a few minutes.

``scale`` 1 means 1,000,000 conversations of 800,000 contacts and 10,000,000 messages. A quarter of the
contacts have an earlier, closed conversation; a fifth of the latest ones are open. Of the open ones 99 of 100
are somebody's, of the closed ones 30; a tenth of the open ones are unread. Every tenth message belongs to one
of a few hundred busy threads, the first of which has 20,000. Messages lie in order of time, so those of one
thread lie far apart.
"""
# ruff: noqa: S608 - the statements are put together from our own words

from __future__ import annotations

from contextlib import contextmanager

NEUTRAL = {"boolean": "false", "jsonb": "'{}'", "timestamp with time zone": "now()"}
TEXTS = {"character varying", "text"}
FIRST = "string_to_array('Ada Alan Barbara Claude Donald Edsger Frances Grace Hedy John Katherine Ken', ' ')"
LAST = (
    "string_to_array('Lovelace Turing Liskov Shannon Knuth Dijkstra Allen Hopper Lamarr Backus Noether', ' ')"
)
YEARS = "interval '1000 days'"


def fill(cursor, workspace, channel, agents, scale):
    """Fill an empty workspace; return how many contacts, conversations and messages there are."""
    contacts = int(800_000 * scale)
    cursor.execute("SET synchronous_commit = off")
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET maintenance_work_mem = '512MB'")
    cursor.execute(
        f"CREATE TEMP TABLE agent AS SELECT ordinality AS place, u AS id FROM unnest(ARRAY{list(agents)}) "
        "WITH ORDINALITY AS t(u, ordinality)"
    )
    people(cursor, workspace, channel, contacts, len(agents))
    talks(cursor, workspace, channel, contacts)
    cursor.execute("SELECT min(id) FROM contacts_contact WHERE workspace_id = %s", [workspace])
    first = cursor.fetchone()[0]
    with without_indexes(cursor, "conversations_message"):
        words(cursor, workspace, channel, first, contacts, int(10_000_000 * scale))
    lines(cursor, workspace)
    for table in ("contacts_contact", "contacts_contactidentity", "conversations_conversation"):
        cursor.execute(f"VACUUM ANALYZE {table}")
    for table in ("conversations_message", "conversations_assignment", "conversations_comment"):
        cursor.execute(f"VACUUM ANALYZE {table}")
    cursor.execute("CHECKPOINT")
    return counted(cursor)


def people(cursor, workspace, channel, contacts, agents):
    """Contacts, each reachable on the channel. A twentieth of the assigned ones are the first agent's."""
    with without_indexes(cursor, "contacts_contact"):
        insert(
            cursor,
            "contacts_contact",
            f"generate_series(1, {contacts}) AS n",
            workspace_id=workspace,
            first_name=f"({FIRST})[1 + n % 12]",
            last_name=f"({LAST})[1 + (n / 12) % 11] || ' ' || n",
            email="'c' || n || '@example.org'",
            phone="'+4930' || lpad(n::text, 8, '0')",
            country="'DE'",
            bot_enabled="true",
            is_blocked="n % 100 = 7",
            assignee_id=(
                f"CASE WHEN ({owned('n')}) THEN (SELECT id FROM agent WHERE place = "
                f"CASE WHEN n % 20 = 3 THEN 1 ELSE 1 + (n * 31) % {agents} END) END"
            ),
            last_channel_id=channel,
            created_at=f"now() - {YEARS}",
        )
    insert(
        cursor,
        "contacts_contactidentity",
        f"contacts_contact AS c WHERE workspace_id = {workspace}",
        workspace_id=workspace,
        contact_id="c.id",
        channel_id=channel,
        address="'visitor-' || c.id",
        last_incoming_at="now()",
    )


def is_open(n):
    return f"({n} % 5 = 0)"


def owned(n):
    return f"CASE WHEN {is_open(n)} THEN {n} % 500 <> 0 ELSE ({n} / 5) % 10 < 3 END"


def talks(cursor, workspace, channel, contacts):
    """The latest conversation of everybody, and an earlier one of a quarter."""
    source = (
        f"(SELECT id, assignee_id, row_number() OVER (ORDER BY id) AS n FROM contacts_contact "
        f"WHERE workspace_id = {workspace}) AS c"
    )
    latest = f"now() - {YEARS} * (((c.n * 7919) % {contacts}) / {contacts}.0)"
    common = {"workspace_id": workspace, "contact_id": "c.id", "channel_id": channel}
    with without_indexes(cursor, "conversations_conversation"):
        insert(
            cursor,
            "conversations_conversation",
            f"{source} WHERE c.n % 4 = 1",
            **common,
            status="'closed'",
            is_latest="false",
            opened_at=f"{latest} - interval '40 days'",
            closed_at=f"{latest} - interval '30 days'",
            opened_source="'contact'",
            closed_source="'user'",
            last_activity_at=f"{latest} - interval '30 days'",
        )
        insert(
            cursor,
            "conversations_conversation",
            source,
            **common,
            **responsible(cursor),
            status=f"CASE WHEN {is_open('c.n')} THEN 'open' ELSE 'closed' END",
            is_latest="true",
            opened_at=f"{latest} - interval '20 days'",
            closed_at=f"CASE WHEN {is_open('c.n')} THEN NULL ELSE {latest} END",
            opened_source="'contact'",
            closed_source=f"CASE WHEN {is_open('c.n')} THEN '' ELSE 'user' END",
            unread_count=f"CASE WHEN {is_open('c.n')} AND c.n % 50 = 10 THEN 1 + c.n % 7 ELSE 0 END",
            last_message_at=latest,
            last_message_text="'Thank you, that solved it. Have a nice day and see you soon!'",
            last_message_incoming="c.n % 2 = 0",
            last_activity_at=latest,
        )


def responsible(cursor):
    """The conversation's copy of the assignee, where it has one."""
    cursor.execute(
        "SELECT 1 FROM information_schema.columns "
        "WHERE table_name = 'conversations_conversation' AND column_name = 'assignee_id'"
    )
    return {"assignee_id": "c.assignee_id"} if cursor.fetchone() else {}


def words(cursor, workspace, channel, first, contacts, messages):  # noqa: PLR0913, PLR0917 - sizes
    """Messages in order of time; the contact of each is scattered."""
    busy = max(1, min(400, contacts // 2_000))
    one = max(100, messages // 500)
    whose = (
        f"{first} + CASE WHEN n % {messages // one} = 0 THEN 0 "
        f"WHEN n % 10 = 1 THEN (n / 10 * 7919) % {busy} ELSE (n * 7919) % {contacts} END"
    )
    incoming = "n % 2 = 0"
    insert(
        cursor,
        "conversations_message",
        f"generate_series(1, {messages}::bigint) AS n",
        workspace_id=workspace,
        channel_id=channel,
        contact_id=whose,
        direction=f"CASE WHEN {incoming} THEN 'in' ELSE 'out' END",
        kind="'text'",
        text="'Message ' || n || ': where is my parcel, please? It should have come on Tuesday.'",
        source=f"CASE WHEN {incoming} THEN 'contact' ELSE 'user' END",
        sender_name="'Grace Hopper'",
        external_id=f"CASE WHEN {incoming} THEN 'x' || n END",
        status=f"CASE WHEN {incoming} THEN 'received' ELSE 'delivered' END",
        created_at=f"now() - {YEARS} * (({messages} - n) / {messages}.0)",
    )


def lines(cursor, workspace):
    """Who became responsible, and a few notes."""
    owned_contacts = f"contacts_contact AS c WHERE workspace_id = {workspace} AND assignee_id IS NOT NULL"
    insert(
        cursor,
        "conversations_assignment",
        owned_contacts,
        workspace_id=workspace,
        contact_id="c.id",
        user_id="c.assignee_id",
        source="'user'",
        at="now() - interval '10 days'",
    )
    insert(
        cursor,
        "conversations_comment",
        f"{owned_contacts} AND c.id % 3 = 0",
        workspace_id=workspace,
        contact_id="c.id",
        source="'user'",
        text="'Called back, will send a replacement.'",
        created_at="now() - interval '9 days'",
    )


def insert(cursor, table, rows, /, **given):
    """Insert one row for each of the source; columns that are not named get an empty value."""
    for name, kind in columns_of(cursor, table):
        if name not in given and name != "id":
            given[name] = "''" if kind in TEXTS else NEUTRAL.get(kind, "0")
    names = ", ".join(f'"{name}"' for name in given)
    values = ", ".join(str(value) for value in given.values())
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows}")


def columns_of(cursor, table):
    """Columns that want a value, with their types."""
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s "
        "AND is_nullable = 'NO'",
        [table],
    )
    return cursor.fetchall()


@contextmanager
def without_indexes(cursor, table):
    """Build the indexes once, after the rows; those of constraints stay."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [table],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _, definition in found:
        cursor.execute(definition)


def counted(cursor):
    sizes = {}
    for name, table in (
        ("contacts", "contacts_contact"),
        ("conversations", "conversations_conversation"),
        ("messages", "conversations_message"),
    ):
        cursor.execute(f"SELECT count(*) FROM {table}")
        sizes[name] = cursor.fetchone()[0]
    cursor.execute("SELECT pg_database_size(current_database())")
    return {**sizes, "megabytes": round(cursor.fetchone()[0] / 1e6)}
