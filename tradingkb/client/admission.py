"""Who may change something through a client of this process."""

from __future__ import annotations

import hmac

from tradingkb.exceptions import ConfigurationError, InvalidInputError


def admit(wanted: str | None, token: str | None, what: str) -> None:
    """Lets administrators pass.

    Args:
        wanted: ADMIN_TOKEN of the settings.
        token: what was given.
        what: is to be done, as in "trials cannot be changed".

    Raises:
        ConfigurationError: there is no ADMIN_TOKEN.
        InvalidInputError: the token is missing or another.
    """
    if wanted is None:
        raise ConfigurationError(f"{what} from here: set ADMIN_TOKEN and start again")
    if not hmac.compare_digest((token or "").encode(), wanted.encode()):
        raise InvalidInputError(
            "the token is missing or wrong", field="token", remedy="give the ADMIN_TOKEN"
        )
