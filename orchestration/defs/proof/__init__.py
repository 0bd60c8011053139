"""Is what landed complete: checked after each extraction, counted again every night, swept every week."""
