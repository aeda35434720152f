"""In-sample against out-of-sample: whether a choice by in-sample results can be trusted."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dashboard.shared import data, look
from dashboard.shared.parts import empty, guarded
from dashboard.trials.choose import figure_look
from dashboard.trials.notes import notes
from dashboard.views.density import METRICS, density_caption, density_figure, density_table

KEYS: Final = ("metric",)
_BINS: Final = 40


def density_part(workspace: str, strategy: str) -> None:
    """Picker, density, what it says."""
    metric = st.segmented_control(
        "Metric",
        list(METRICS),
        default="sharpe",
        required=True,
        key="metric",
        bind="query-params",
        format_func=lambda name: METRICS[name][0],
    )
    with guarded("The density"):
        report = data.ask(
            "trial_density",
            workspace=workspace,
            strategy_name=strategy,
            x=f"{metric}_is",
            y=f"{metric}_oos",
            bins=_BINS,
        )
        if report["cells"].is_empty():
            empty(
                "No trial of this strategy has this metric in both samples",
                "Choose another metric.",
            )
            return
        unit = METRICS[str(metric)][1]
        caption = density_caption(report)
        with st.container(width=640):
            figure = density_figure(report, unit, figure_look())
            look.draw(figure, alt=f"Density of trials. {caption}", key="density_chart")
        below = "better" if metric == "max_drawdown_frac" else "worse"
        notes(
            [
                caption,
                f"Below the dashed line a trial did {below} out-of-sample than in-sample.",
                "Rejected and withdrawn trials are left out, as an answer leaves them out.",
            ]
        )
        with st.expander("The same as a table"):
            st.dataframe(
                density_table(report),
                hide_index=True,
                key="density_table",
                alt="Trials per field, the fullest first.",
            )
