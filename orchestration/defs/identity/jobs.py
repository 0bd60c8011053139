"""When weights are learnt: when somebody asks. New ones move links, and nobody wants that in the middle of a night."""

import dagster as dg

from orchestration.defs.identity.assets import train_matching

train = dg.define_asset_job(
    "train",
    dg.AssetSelection.assets(train_matching),
    description="Learn the weights of matching from the last build's records; the next build scores with them.",
)
