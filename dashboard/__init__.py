"""The dashboards: a Streamlit app over the marts, of the serving copy on DuckDB or inside Snowflake.

data      where the numbers come from: a file that builds replace, or the session Snowflake gives
metrics   queries made from the metric definitions of models/metrics, so that a number has one definition
reading   the same data as the `Warehouse` that the explanations of identity and the books of extraction read
shown     how things look: tiles, charts, tables with a download, empty states
views     one module a page (a folder called pages would be taken for a menu by Streamlit)
"""
