"""Queries about how the vectors of a collection were made."""

from __future__ import annotations

from typing import Final

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, reading
from tradingkb.stores import schema
from tradingkb.stores.curation import UNFINISHED

_I, _T, _W = schema.kb_trial_index.c, schema.trials.c, schema.workspaces.c
#: Trials whose entries are looked at to know how all are made.
_SOME: Final = 200


class PipelineQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def pipelines(self, workspace_id: str, collection: str) -> set[str]:
        """How the vectors of some entries were made; see the port."""
        # By trials of the workspace: a collection may hold a million entries of other ones.
        some = sa.select(_T.id).where(_T.workspace_id == workspace_id).limit(_SOME).subquery()
        statement = (
            sa.select(_I.pipeline)
            .join_from(some, schema.kb_trial_index, _I.trial_id == some.c.id)
            .where(
                _I.collection == collection,
                _I.archived_at.is_(None),
                _I.content_hash != UNFINISHED,
            )
        )
        with reading(self.engine) as connection:
            return set(connection.scalars(statement.distinct()))

    def pipeline_counts(self, collection: str, model: str) -> pl.DataFrame:
        """How many vectors were made how, by workspace; see the port."""
        by = (_W.slug.label("workspace"), _I.pipeline)
        statement = (
            sa.select(*by, sa.func.count().label("entries"))
            .join_from(schema.kb_trial_index, schema.workspaces, _I.workspace_id == _W.id)
            .where(
                _I.collection == collection,
                _I.embed_model == model,
                _I.archived_at.is_(None),
                _I.content_hash != UNFINISHED,
            )
        )
        with reading(self.engine) as connection:
            return read(connection, statement.group_by(*by).order_by(*by))
