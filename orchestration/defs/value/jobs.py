"""When customer value is learnt: when somebody asks. New parameters move every score."""

import dagster as dg

from orchestration.defs.value.assets import train_value

value_job = dg.define_asset_job(
    "train_value",
    dg.AssetSelection.assets(train_value),
    description="Learn how customers buy from the last build's orders; the next build scores with it.",
)
