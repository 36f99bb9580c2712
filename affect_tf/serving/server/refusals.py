"""The exception that ends a request with a status and a reason."""

from __future__ import annotations


class Refusal(Exception):
    """A request that gets no scores.

    Attributes:
      status: HTTP status, 4xx for what the client can correct, 503 for what passes.
      message: The reason, for a person.
      details: More members of the answer's JSON object.
      retry_after: Seconds after which to try again; None where that does not help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        details: dict[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details or {}
        self.retry_after = retry_after


def shown(value: object, longest: int = 40) -> str:
    """Returns the beginning of a value for a message; pictures never go into one.

    A string is told by its length alone where it is longer than a name.
    """
    if isinstance(value, str | bytes) and len(value) > longest:
        return f"{len(value)} characters"
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value)}"
    return repr(value)[:longest]
