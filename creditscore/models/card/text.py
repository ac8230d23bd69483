"""A card as text: canonical JSON, and a reader that refuses what was edited, cut or is newer than itself."""

import hashlib
import json
from collections.abc import Mapping

from pydantic import JsonValue

from creditscore.errors import DataError


def written(content: Mapping[str, object], what: str) -> str:
    """Canonical JSON: the same content gives the same bytes.

    Raises:
        DataError: when it holds anything but plain finite JSON values.
    """
    try:
        found = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        found.encode()
    except (ValueError, TypeError) as error:
        raise DataError(f"{what}: training: expected plain finite JSON values ({error})") from None
    return found + "\n"


def read(text: str, *, form: str, sha256: str | None = None) -> dict[str, JsonValue]:
    """The object that ``text`` holds; with ``sha256`` only if the text is byte for byte the one that has it.

    Raises:
        DataError: when the hash or the format differs, a key stands twice, or a number is not finite.
    """
    if not isinstance(text, str):
        raise DataError(f"scorecard: expected the JSON of a card as text (got {type(text).__name__})")
    found = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    if sha256 is not None and found != sha256:
        raise DataError(f"scorecard: edited since it was signed: expected sha256 {sha256}, found {found}; sign it again")
    try:
        data = json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"scorecard: expected the JSON of a card: {error}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise DataError(f'scorecard: expected an object with "format": "{form}"; this file is something else')
    if data["format"] != form:
        raise DataError(f"scorecard: format: expected {form} (got {data['format']!r}); a newer creditscore may read it")
    return data


def _each_key_once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of a card")
