"""Evaluation: what advice was worth, and the confidence fitted on it."""

from tradingkb.evaluate.asked import EvaluationRequest, names
from tradingkb.evaluate.calibrator import CalibrationReport, Calibrator
from tradingkb.evaluate.evaluator import Evaluator
from tradingkb.evaluate.model_comparison import ComparedModel, ModelComparison
from tradingkb.evaluate.models import ModelComparer
from tradingkb.evaluate.result import Evaluation
from tradingkb.evaluate.verbs import ComparedModels

__all__ = [
    "CalibrationReport",
    "Calibrator",
    "ComparedModel",
    "ComparedModels",
    "Evaluation",
    "EvaluationRequest",
    "Evaluator",
    "ModelComparer",
    "ModelComparison",
    "names",
]
