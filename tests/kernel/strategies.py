"""What hypothesis feeds to the kernel."""

from __future__ import annotations

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

property_settings = settings(
    max_examples=int(os.environ.get("ISFLOW_EXAMPLES", "50")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
telling_texts = st.sampled_from(
    [
        "2024-02-30",
        "12/31/99",
        "24:61",
        "22:00",
        "1e5",
        "9" * 400,
        "5 minutes",
        "999999999 weeks",
        "on",
        "$x",
        ",",
    ]
)
things = (
    json_values
    | telling_texts
    | st.lists(telling_texts, max_size=3)
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas(max_value=timedelta.max)
    | st.decimals()
)
