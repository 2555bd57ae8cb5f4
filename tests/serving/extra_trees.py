"""A model family that is not ours, as anybody would add one: this file, and a line in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees, p_of_up
from minhos.training.families import FamilySettings, Progress, TrainingData
from minhos.training.onnx_export import OPSET, canonical
from minhos.training.profiles import TrainingProfile

__all__ = ["ExtraTrees"]


class ExtraTreesSettings(FamilySettings):
    """As scikit-learn names them."""

    trees: int = Field(default=40, ge=1)
    depth: int = Field(default=8, ge=1)


@dataclass(frozen=True)
class ExtraTrees:
    """Extremely randomised trees (Geurts, Ernst and Wehenkel 2006) by scikit-learn."""

    name: str
    input: Literal["sequence", "tabular"] = "tabular"

    def settings(self, profile: TrainingProfile) -> ExtraTreesSettings:
        return ExtraTreesSettings.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        return {"depth": trial.suggest_int("depth", 3, 12)}

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
        from sklearn.ensemble import ExtraTreesClassifier

        settings = self.settings(profile)
        progress(f"{self.name}: {settings.trees} trees on {len(data.y)} samples")
        model = ExtraTreesClassifier(
            n_estimators=settings.trees, max_depth=settings.depth, min_samples_leaf=10, random_state=seed, n_jobs=1
        )
        model.fit(data.x, data.y, sample_weight=data.weights)
        width = data.x.shape[1]
        return FittedTrees(self.name, p_of_up(model), lambda: _graph(model, width), data.x[-PROOF_ROWS:], data.seen)


def _graph(model: Any, width: int) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    raw = convert_sklearn(
        model,
        initial_types=[("x", FloatTensorType([None, width]))],
        target_opset={"": OPSET, "ai.onnx.ml": 3},
        options={id(model): {"zipmap": False}},
    )
    return canonical(raw, probability=raw.graph.output[1].name, column=1, shape=(width,))
