"""What matching learns: the four books of weights, between the records that teach them and the models that use them."""

from __future__ import annotations

from orchestration.lib.match_asset import training
from orchestration.lib.project import manifest

train_matching = training(manifest())
