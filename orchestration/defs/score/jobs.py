"""When scores are learnt: when somebody asks. New weights move every score."""

import dagster as dg

from orchestration.defs.score.assets import train_scores

score_job = dg.define_asset_job(
    "train_scores",
    dg.AssetSelection.assets(train_scores),
    description="Learn churn risk and lead priority from the last build's history; the next build scores with them.",
)
