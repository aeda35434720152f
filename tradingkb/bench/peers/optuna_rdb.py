"""Optuna's RDB storage on SQLite: where the trials of a tuning run are usually kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.derived import FILTER_COLUMNS
from tradingkb.domain import Filters, parse_params

_STUDY: Final = "trials"
_ATTRIBUTES: Final = ("has_oos", "max_drawdown", "n_trades", "overfit_gap")


def fill(file: Path, trials: pl.DataFrame) -> None:
    """A study with those trials: one strategy's, filter columns as user attributes."""
    import optuna

    # It announces every study on stderr.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=_storage(file), study_name=_STUDY, direction="maximize")
    params = [parse_params(text) for text in trials["params"]]
    choices: dict[str, optuna.distributions.BaseDistribution] = {
        key: optuna.distributions.CategoricalDistribution(list({p[key]: None for p in params}))
        for key in params[0]
    }
    columns = trials.select("sharpe_oos", "sharpe_is", *FILTER_COLUMNS, "symbol", "oos_start")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=one,
                distributions=choices,
                value=row["sharpe_is"] if row["sharpe_oos"] is None else row["sharpe_oos"],
                user_attrs={
                    **{name: row[name] for name in _ATTRIBUTES},
                    "window": f"{row['symbol']} {row['oos_start']:%Y-%m-%d}",
                },
            )
            for one, row in zip(params, columns.to_dicts(), strict=True)
        ]
    )


def load_and_filter(file: Path, where: Filters) -> Sequence[Any]:
    """Opens the storage, loads the study and keeps the trials that pass."""
    import optuna

    study = optuna.load_study(storage=_storage(file), study_name=_STUDY)
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.user_attrs["has_oos"]
        and trial.user_attrs["max_drawdown"] <= where.max_drawdown
        and trial.user_attrs["n_trades"] >= where.min_trades
        and not (trial.user_attrs["overfit_gap"] or 0.0) > where.max_overfit_gap
    ]


def _storage(file: Path) -> Any:
    import optuna

    return optuna.storages.RDBStorage(f"sqlite:///{file}")
