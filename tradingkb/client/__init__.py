"""Clients: one set of questions, asked of a knowledge base here or of its HTTP service."""

from tradingkb.client.local import LocalClient
from tradingkb.client.opening import open_client
from tradingkb.client.protocol import ACTIONS, Action, Client
from tradingkb.client.remote import RemoteClient

__all__ = ["ACTIONS", "Action", "Client", "LocalClient", "RemoteClient", "open_client"]
