"""How an answer looks: a card for notebooks, a figure, lines for a terminal, an offline report.

The package writes HTML nowhere else. Everything here takes a `to_dict()` and gives the same output
for the same answer: no request id, clock or path is shown, because outputs of notebooks are
compared. The page of an evaluation alone says when it was made.

HTML is put together by the functions of `markup`, which escape what comes from data. Templates
(Jinja2) were tried: the cards of answers and explanations came out the same and took as many lines,
because most of them choose words, and no type checker reads a template.
"""

from tradingkb.domain import Regime
from tradingkb.presentation.answers import Section, answer_section, html_report
from tradingkb.presentation.card import answer_card
from tradingkb.presentation.evaluation import evaluation_card, evaluation_markdown, evaluation_text
from tradingkb.presentation.evaluation_report import evaluation_report
from tradingkb.presentation.explanation import explanation_card, explanation_text
from tradingkb.presentation.figure import evidence_figure
from tradingkb.presentation.ingest import ingest_card
from tradingkb.presentation.models import models_card
from tradingkb.presentation.policy import REPORT_POLICY
from tradingkb.presentation.regime_card import regime_card
from tradingkb.presentation.runbook_report import runbook_report
from tradingkb.presentation.tables import Table, shown
from tradingkb.presentation.text import answer_text

#: The domain writes no HTML: where presentation is loaded, a regime has its card.
Regime.card = regime_card

__all__ = [
    "REPORT_POLICY",
    "Regime",
    "Section",
    "Table",
    "answer_card",
    "answer_section",
    "answer_text",
    "evaluation_card",
    "evaluation_markdown",
    "evaluation_report",
    "evaluation_text",
    "evidence_figure",
    "explanation_card",
    "explanation_text",
    "html_report",
    "ingest_card",
    "models_card",
    "regime_card",
    "runbook_report",
    "shown",
]
