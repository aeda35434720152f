"""Moving a store: from embedded to servers, and back. Opens the other place beside this one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic_settings import DotEnvSettingsSource

from tradingkb.domain import IndexTarget, Market, Question
from tradingkb.exceptions import ConfigurationError, InvalidInputError, TradingKBError
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.masking import masked_url
from tradingkb.places import Sight, same_server, seen, store_url
from tradingkb.ports import CollectionInfo, Surveyed
from tradingkb.progress import progress_bar
from tradingkb.settings import IndexSettings, Settings, StoreSettings, misplaced, settings_of
from tradingkb.stores import partial
from tradingkb.upkeep import Mover, MoveReport, Outlook, Place, Side
from tradingkb.wiring import connect
from tradingkb.workspaces import Workspaces

#: Settings that say where a store is, and which index it has: those of the target are the file's.
_OF_A_PLACE: Final = tuple({**StoreSettings.model_fields, **IndexSettings.model_fields})


def migrate_store(
    kb: KnowledgeBase,
    to: str | Path | Settings,
    *,
    apply: bool = False,
    replace: bool = False,
    progress: bool | None = None,
    list_obstacles: bool = False,
) -> MoveReport:
    """Moves everything that a knowledge base holds to another place, and compares both.

    The source is only read, once it is open: that upgrades an older schema. The target gets all
    rows of truth in one transaction, and an index made from them; killed anywhere, the next call
    goes on with what is left. Leases, jobs and what breakers did are not moved. Services and
    ingests of the source should be stopped: what they write meanwhile is not moved, and the report
    says so.

    Args:
        kb: the source.
        to: a file of settings in the form of .env: DATABASE_URL, QDRANT_URL, EMBED_MODEL and what
            else says where the target is. What it leaves out is embedded; the environment and the
            settings of the source do not count for it. Or such settings themselves.
        apply: move; otherwise look at both sides, say what would be done, and change nothing.
        replace: whether other content of the target may be replaced.
        progress: progress bars; None shows them in terminals and notebooks, not in pipes.
        list_obstacles: where something stands in the way of `apply`, report all of it and change
            nothing, as without `apply`, instead of raising the first.

    Raises:
        InvalidInputError: the file cannot be read, the target is the source, or it is not empty.
        ConfigurationError: a setting, schema, model or collection of the target does not fit, or
            there is no room.
        BackendUnavailableError: a server of the target does not answer.
        WorkspaceBusyError: an ingest of the target does not finish.
    """
    cases = kb.use_cases
    cases.asking.events.flush()  # answers given by this process belong to what is moved
    settings = to if isinstance(to, Settings) else settings_of_place(kb.settings, to)
    mover = Mover(side(kb), kb.settings.absolute_home, partial, clock=cases.indexer.clock)
    with cases.store.unhurried(), progress_bar(progress, "rows") as told:
        return mover.run(
            _Target(settings, kb),
            apply=apply,
            replace=replace,
            progress=told,
            list_obstacles=list_obstacles,
        )


def settings_of_place(others: Settings, file: str | Path) -> Settings:
    """The settings of a place: the file says where it is; all else is as in other settings.

    Raises:
        InvalidInputError: the file cannot be read.
        ConfigurationError: a value that cannot be used.
    """
    said = _said(Path(file).expanduser())
    fields = Settings.model_fields
    place = {
        name: said.get(str(fields[name].alias)) or said.get(name) or fields[name].default
        for name in _OF_A_PLACE
    }
    return settings_of({**others.model_dump(), **place})


def _said(file: Path) -> Mapping[str, Any]:
    """What a file says, by variable or field, read as every other .env file is."""
    try:
        with file.open(encoding="utf-8") as lines:
            lines.read()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InvalidInputError(
            f"{file} cannot be read: {reason}",
            field="to",
            remedy="name a file with the settings of a place, such as DATABASE_URL=...",
        ) from None
    found = DotEnvSettingsSource(Settings, env_file=file, env_file_encoding="utf-8")
    _check_names(file, found.env_vars)
    return found()


def _check_names(file: Path, named: Iterable[str]) -> None:
    """Refuses a file that means another place than it says: what it leaves out has a default.

    Other programs' variables may stand in it, as in .env.
    """
    named = list(named)
    for name, near in misplaced(named, _OF_A_PLACE).items():
        raise InvalidInputError(
            f"{file} sets {name}, which is no setting",
            field="to",
            remedy=f"write {near}" if near else "correct it, or take it out",
        )
    known = {str(Settings.model_fields[name].alias).lower() for name in _OF_A_PLACE}
    if not known & {name.lower() for name in named}:
        raise InvalidInputError(
            f"{file} says nothing of a place",
            field="to",
            remedy="say DATABASE_URL=..., or TRADINGKB_HOME=... for an embedded store",
        )


def place(settings: Settings, schema: str | None = None) -> Place:
    """A place as it is shown."""
    index = "embedded" if settings.qdrant_url is None else masked_url(settings.qdrant_url)
    url = store_url(settings, settings.absolute_home).render_as_string(hide_password=False)
    return Place(masked_url(url), index, settings.embed_model, schema)


def side(kb: KnowledgeBase) -> Side:
    """An open knowledge base as one side of a move."""
    cases = kb.use_cases

    def answer(
        target: IndexTarget, strategy: str, objective: str, market: Market
    ) -> Mapping[str, Any]:
        question = Question(strategy, objective, market, caller="probe", request_id="migrate-store")
        return cases.asking.recommender.answer(target, question).to_dict()

    def index() -> Any:
        found = cases.reconciler.run(cases.workspaces.targets(None), repair=True)
        cases.set_alias()
        return found

    return Side(
        place=place(kb.settings, cases.store.revision()),
        store=cases.store,
        targets=lambda: cases.workspaces.targets(None),
        put=lambda path, replace, progress: cases.backups.put(
            path, replace=replace, progress=progress
        ),
        index=index,
        answer=answer,
        note=lambda facts: cases.notes.note("move", facts),
    )


class _Target:
    """The place of other settings."""

    def __init__(self, settings: Settings, source: KnowledgeBase) -> None:
        self._settings = settings
        self._source = source.use_cases
        self._from = source.settings

    def look(self, targets: Sequence[IndexTarget]) -> Outlook:
        """What is there; errors are collected, so that all of them are seen at once."""
        there = self.targets(targets)
        obstacles: list[TradingKBError] = []
        dimensions: dict[str, int] = {}
        database, shared, known = None, self._shared(), False
        try:
            with seen(self._settings) as found:
                database, known = found.database, True
                dimensions, obstacles = _fits(there, found, shared)
        except TradingKBError as error:
            obstacles.append(error)
        return Outlook(
            dataclasses.replace(
                place(self._settings, database.revision if database else None), known=known
            ),
            database,
            {t.workspace.slug: dimensions[t.model] for t in there if t.model in dimensions},
            tuple(obstacles),
            None if self._settings.database_url else self._settings.absolute_home,
            tuple(_notes(there, database, self._settings, shared)),
        )

    def _shared(self) -> dict[str, str]:
        """Model by collection of the source, where the target's are on the same vector server."""
        if not same_server(self._settings.qdrant_url, self._from.qdrant_url):
            return {}
        store, used = self._source.store, self._source.workspaces.targets(None)
        filled = {name for _, name in store.index_places()}
        entered = {name: model for name in filled for model in store.index_models(name)}
        return {**entered, **{t.collection: t.model for t in used}}

    def targets(self, targets: Sequence[IndexTarget]) -> list[IndexTarget]:
        """The same workspaces with the index that will be in force there."""
        spaces = Workspaces(
            self._source.store,
            embed_model=self._settings.embed_model,
            collection=self._settings.collection,
            clock=self._source.indexer.clock,
            new_id=self._source.indexer.new_id,
        )
        return [spaces.target(target.workspace) for target in targets]

    @contextmanager
    def open(self) -> Iterator[Side]:
        """Opens it as a knowledge base."""
        with connect(settings=self._settings, progress=False) as kb:
            yield side(kb)


def _fits(
    targets: Sequence[IndexTarget], there: Sight, shared: Mapping[str, str]
) -> tuple[dict[str, int], list[TradingKBError]]:
    """Dimension by model, and which models and collections cannot be. Each is asked for once.

    Args:
        targets: the workspaces, as they will be there.
        there: the target.
        shared: models by collections that are the source's, too: points of both have the same ids.
    """
    dimensions: dict[str, int] = {}
    obstacles: list[TradingKBError] = []
    for model in dict.fromkeys(target.model for target in targets):
        try:
            dimensions[model] = there.embedders(model, None).dimension
        except TradingKBError as error:
            obstacles.append(error)
    made = {t.collection: (t.model, dimensions.get(t.model)) for t in targets}
    try:
        held = {} if there.vectors is None else {n: there.vectors.describe(n) for n in made}
    except TradingKBError as error:
        return dimensions, [*obstacles, error]
    for name, (model, dimension) in made.items():
        why, delete = _unfit(held.get(name), model, dimension), ", or delete it there"
        if (other := shared.get(name, model)) != model:
            why, delete = f"is the source's, which searches it by {other!r} and is only read", ""
        if why is not None:
            obstacles.append(
                ConfigurationError(
                    f"collection {name!r} of the target {why}: name another one as "
                    f"QDRANT_COLLECTION_ACTIVE{delete}"
                )
            )
    return dimensions, obstacles


def _unfit(held: CollectionInfo | None, model: str, dimension: int | None) -> str | None:
    """Why a collection cannot take the vectors of a model."""
    if held is None:
        return None
    if held.foreign is not None:
        return f"belongs to another program ({held.foreign})"
    if dimension is not None and held.dimension != dimension:
        return f"has dimension {held.dimension}, {model!r} makes {dimension}"
    return None


def _notes(
    targets: Sequence[IndexTarget],
    database: Surveyed | None,
    settings: Settings,
    shared: Mapping[str, str],
) -> Iterator[str]:
    if database is not None and database.outdated:
        yield f"the schema {database.revision} of the target is upgraded when it is opened"
    for target in targets:
        if target.model != settings.embed_model:
            yield (
                f"workspace {target.workspace.slug} has chosen {target.model} and keeps it: "
                f"EMBED_MODEL {settings.embed_model} of the target does not reach it"
            )
    for name in sorted({target.collection for target in targets} & shared.keys()):
        yield (
            f"collection {name} is the source's, too: the same points are written into it, and "
            "what either side changes later changes the other's"
        )
