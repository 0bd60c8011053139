"""What customer value learns: two books, between the purchases that teach them and the models that score."""

from __future__ import annotations

from orchestration.lib.project import manifest
from orchestration.lib.value_asset import training

train_value = training(manifest())
