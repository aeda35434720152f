"""The demo: real trials in, recommendations out, a report to open."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tradingkb.cli.output import show
from tradingkb.domain import Regime
from tradingkb.exceptions import ConfigurationError
from tradingkb.ingest import IngestReport
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.presentation import (
    Section,
    answer_section,
    answer_text,
    html_report,
    ingest_card,
)
from tradingkb.recommend import Recommendation
from tradingkb.wiring import connect

MARKET: Final = "AAPL_1d.parquet"
#: The strategy whose answer the terminal shows, and that is asked in other ways too.
SHOWN: Final = "macd_trend"


def run_demo(data: Path, home: Path, out: Path) -> Path:
    """Ingests the sample, asks, and writes `report.html` into `out`.

    Raises:
        ConfigurationError: `data` is not the repository's data folder.
    """
    if not (data / "trials.parquet").is_file():
        raise ConfigurationError(
            f"{data / 'trials.parquet'} does not exist: run the demo from a clone of the "
            "repository, or name its data folder with --data"
        )
    with connect(home) as kb:
        kb.register_strategy(data / "strategies")
        report = kb.ingest(data / "trials.parquet", ohlcv=data / "ohlcv")
        show(str(report))
        show(f"confidence: {kb.calibrate()}")
        answers = _ask(kb, data / "ohlcv" / MARKET)
    show("\n" + answer_text(answers[0][1].to_dict()) + "\n")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "report.html"
    path.write_text(_report(report, answers), encoding="utf-8")
    return path


def _ask(kb: KnowledgeBase, market: Path) -> list[tuple[str, Recommendation]]:
    """Each strategy for one market, and one of them under other conditions, with labels."""
    names = kb.strategies()["strategy_name"].to_list()
    ordered = [SHOWN, *(name for name in names if name != SHOWN)]
    answers = [("", kb.recommend(name, ohlcv=market)) for name in ordered]
    stated = Regime.stated(tags=["downtrend", "high_volatility"])
    asked = kb.recommend(SHOWN, regime=stated, symbol="AAPL", timeframe="1d")
    answers.append(("stated: downtrend, high volatility", asked))
    asked = kb.recommend(SHOWN, ohlcv=market, max_drawdown=0.01, min_trades=40)
    return [*answers, ("drawdown up to 1 %, 40 trades or more", asked)]


def _report(report: IngestReport, answers: list[tuple[str, Recommendation]]) -> str:
    sections = [Section("What went in", ingest_card(report.to_dict()))]
    sections += [answer_section(answer.to_dict(), label) for label, answer in answers]
    return html_report("tradingkb: the sample trials, asked about AAPL", sections)
