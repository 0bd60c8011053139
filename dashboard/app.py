"""The app: `make dashboard`, or the main file of a Streamlit app in Snowflake."""

from __future__ import annotations

import sys
from pathlib import Path

# Streamlit puts this file's folder on the path; what is imported lies beside it.
ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

from dashboard import shown  # noqa: E402
from dashboard.data import DataError, ServingCopy  # noqa: E402
from dashboard.views import acquisition, customer, health, retention, sales  # noqa: E402

STYLE = """
<style>
  .block-container { padding-top: 2.5rem; max-width: 1400px; }
  h1 { font-size: 1.8rem !important; padding-bottom: 0 !important; }
  h3 { font-size: 1.1rem !important; padding-top: 0.8rem !important; }
  [data-testid="stMetricLabel"] p { font-size: 0.8rem; }
  [data-testid="stMetricValue"] { font-size: 1.2rem; }
</style>
"""


def main() -> None:
    """The chosen page, or one sentence on why there is none."""
    st.set_page_config("Braid", ":material/hub:", layout="wide")
    st.html(STYLE)
    page = st.navigation(
        [
            st.Page(
                sales.show, title="Sales performance", url_path="sales", icon=":material/trending_up:", default=True
            ),
            st.Page(customer.show, title="Customer 360", url_path="customer", icon=":material/person_search:"),
            st.Page(acquisition.show, title="Acquisition", url_path="acquisition", icon=":material/campaign:"),
            st.Page(retention.show, title="Funnels and retention", url_path="retention", icon=":material/filter_alt:"),
            st.Page(health.show, title="Pipeline health", url_path="health", icon=":material/monitor_heart:"),
        ]
    )
    try:
        shown.source().version()
        page.run()
    except DataError as error:
        st.error(str(error), icon=":material/error:")
        return
    _say_of_when()


def _say_of_when() -> None:
    source = shown.source()
    with st.sidebar:
        if isinstance(source, ServingCopy):
            from datetime import UTC, datetime

            made = datetime.fromtimestamp(source.made_at(), UTC)
            st.caption(f"{source.name}, made {made:%Y-%m-%d %H:%M} UTC.")
        else:
            st.caption(f"Database {source.name}; answers are kept for five minutes.")


main()
