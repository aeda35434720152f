"""What the commands share: how they open the knowledge base, and options of one meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

if TYPE_CHECKING:
    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.settings import LogSettings, Settings

#: That of `tradingkb.workspaces`, once more: what help and completion show must load no library.
DEFAULT_WORKSPACE: Final = "default"

Workspace = Annotated[str, typer.Option("--workspace", "-w", help="Workspace slug or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="Most rows to show.")]
Strategy = Annotated[str | None, typer.Option(help="Only this strategy.")]
Symbol = Annotated[str | None, typer.Option(help="Only this symbol.")]
Timeframe = Annotated[str | None, typer.Option(help="Only this timeframe.")]
Status = Annotated[
    Literal["candidate", "promoted", "rejected"] | None, typer.Option(help="Only these.")
]
Maps = Annotated[list[str] | None, typer.Option("--map", help="canonical=your_column; repeatable.")]
Constants = Annotated[
    list[str] | None, typer.Option("--set", help="canonical=constant; repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")]


@dataclass
class State:
    """What the options before the command say."""

    arguments: dict[str, Any]

    def open(self) -> KnowledgeBase:
        """The knowledge base of these options and the environment; its libraries load now."""
        return self.opened(self.settings())

    def settings(self) -> Settings:
        """The settings of these options and the environment."""
        from tradingkb.settings import load_settings

        return load_settings(**self.arguments)

    def opened(self, settings: Settings) -> KnowledgeBase:
        """The knowledge base of other settings, which logs as these do."""
        from tradingkb.wiring import connect

        _configure_logging(settings)
        return connect(settings=settings)

    def serve(self, host: str, port: int) -> None:
        """Serves these options and the environment over HTTP.

        Raises:
            ConfigurationError: the `service` extra is not installed, or the port is taken.
        """
        from tradingkb.observability import configure_logging
        from tradingkb.settings import load_settings

        settings = load_settings(**self.arguments)
        configure_logging(settings.service_log_level, settings.log_format)
        try:
            from tradingkb.service import serve
        except ModuleNotFoundError as error:
            from tradingkb.exceptions import ConfigurationError

            raise ConfigurationError(
                f"{error.name} is not installed: pip install 'tradingkb[service]'"
            ) from None
        serve(settings, host, port)


def _configure_logging(settings: LogSettings) -> None:
    from tradingkb.observability import configure_logging

    configure_logging(settings.log_level, settings.log_format)
