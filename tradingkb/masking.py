"""What is shown of URLs, paths and machines: nothing that may be secret.

What may be secret is recognised by its place, however it is written: passwords with `/`, `#`, `?`,
`@` and `%` that nobody has quoted are common, and then nothing says where the password ends.
"""

from __future__ import annotations

import re
from typing import Any, Final

MASK: Final = "***"
#: Options of a URL whose value is shown.
_HARMLESS: Final = frozenset(
    {
        *("application_name", "channel_binding", "connect_timeout", "dbname", "gssencmode"),
        *("host", "hostaddr", "immutable", "keepalives", "mode", "nolock", "port", "sslmode"),
        *("sslcert", "sslkey", "sslrootcert", "target_session_attrs", "timeout", "uri", "user"),
    }
)
#: Options whose name is shown; of any other one nothing is.
_SECRET: Final = frozenset(
    {
        *("access_token", "api_key", "api-key", "apikey", "auth", "key", "passfile", "passwd"),
        *("password", "pwd", "secret", "sslpassword", "token"),
    }
)
_PLAIN: Final = re.compile(r"[\w.:/,+~-]*")
_IN_TEXT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_WEB: Final = ("http", "https", "ws", "wss", "grpc", "grpcs")


#: More of a message says nothing more, and whoever wrote it may have meant it to be long.
LONGEST: Final = 500
_URL: Final = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s'\"<>]*")
_PATH: Final = re.compile(
    r"(?<![\w/.:<])(?:~|\.{1,2})?(?:/[\w.@%+~-]+){2,}/?|(?<!\w)[A-Za-z]:\\[^\s'\"]+"
)
_FILE: Final = re.compile(r"(?<![\w/.:<])/[\w-]+\.\w{1,8}\b")
_HOST: Final = re.compile(
    r"(?<![\w.-])(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|(?:localhost|[\w-]+(?:\.[\w-]+)+):\d{2,5})\b"
)
#: What drivers say of the machines and accounts that they tried.
_NAMED: Final = re.compile(
    r"\b(host|host name|server at|server on socket|user|role|database) ([\"'])[^\"']*\2"
)


def anonymous(text: str) -> str:
    """A message without URLs, paths, hosts and accounts, and without the statement that failed.

    For answers, and for logs that many may read; of a long message the beginning.
    """
    text = text.split("\nLINE ", maxsplit=1)[0]
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}..."
    for pattern, shown in (
        (_URL, "<url>"),
        (_NAMED, r"\1 <name>"),
        (_PATH, "<path>"),
        (_FILE, "<path>"),
        (_HOST, "<host>"),
    ):
        text = pattern.sub(shown, text)
    return text


def without_machines(value: Any) -> Any:
    """A JSON form with no path, host or account in any of its texts."""
    if isinstance(value, str):
        return anonymous(value)
    if isinstance(value, dict):
        return {name: without_machines(one) for name, one in value.items()}
    return list(map(without_machines, value)) if isinstance(value, list) else value


def masked(text: str) -> str:
    """A text of any kind, with every URL in it as `masked_url` shows it."""
    if "://" not in text:
        return text
    return _IN_TEXT.sub(lambda found: masked_url(found[0]), text)


def masked_all(value: Any) -> Any:
    """A JSON form with every one of its texts as `masked` shows it."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: masked_all(one) for name, one in value.items()}
    return list(map(masked_all, value)) if isinstance(value, list) else value


def masked_url(url: str) -> str:
    """The URL with `***` in place of everything that may be secret.

    That is what stands between user and host, what the address of a web server has before its
    host, and options that are not known to be harmless. Where an unquoted password leaves open
    what is the host, that is not shown either.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    before, at, place = rest.rpartition("@")
    if not at:
        return f"{scheme}{mark}{_masked_port(rest)}"
    if re.search(r"[/?#]", before):  # of the password, or the @ is one of an option
        shown = "" if scheme in _WEB else re.split(r"[:/?#@]", before)[0]
        return f"{scheme}{mark}{shown}:{MASK}" if shown else f"{scheme}{mark}{MASK}"
    user, colon, _ = before.partition(":")
    if scheme in _WEB or (not colon and "@" in user):
        user, colon = "", ""  # a web server's user is a token more often than a name
    who = f"{user}:{MASK}" if colon else user or MASK
    return f"{scheme}{mark}{who}@{_masked_options(place)}"


def _masked_port(rest: str) -> str:
    """Without an @: the end of what comes after a colon that no port follows is not known."""
    if rest.startswith((":", "/", "[", ".")) or re.match(r"[^:/?#]*(:\d+)?([/?#]|$)", rest):
        return _masked_options(rest)
    return f"{rest.partition(':')[0]}:{MASK}"


def _masked_options(place: str) -> str:
    where, mark, options = _split(place)
    if not mark:
        return where
    shown = [_masked_option(option) for option in options.split("&")]
    return f"{where}{mark}{'&'.join(dict.fromkeys(shown))}"


def _split(place: str) -> tuple[str, str, str]:
    found = re.search(r"[?#]", place)
    if found is None:
        return place, "", ""
    return place[: found.start()], found[0], place[found.end() :]


def _masked_option(option: str) -> str:
    name, _, value = option.partition("=")
    if name in _HARMLESS and _PLAIN.fullmatch(value):
        return option
    return f"{name}={MASK}" if name.lower() in _SECRET else MASK
