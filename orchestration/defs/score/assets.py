"""What scores learn: three books, between the examples that teach them and the models that score."""

from __future__ import annotations

from orchestration.lib.project import manifest
from orchestration.lib.score_asset import training

train_scores = training(manifest())
