"""Evaluation: what advice was worth, and the confidence fitted on it."""

from tradingkb.evaluate.asked import EvaluationRequest, names
from tradingkb.evaluate.calibrator import CalibrationReport, Calibrator
from tradingkb.evaluate.evaluator import Evaluator
from tradingkb.evaluate.result import Evaluation

__all__ = [
    "CalibrationReport",
    "Calibrator",
    "Evaluation",
    "EvaluationRequest",
    "Evaluator",
    "names",
]
