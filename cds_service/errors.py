"""Every error of the service, with the HTTP status it answers and a message that is safe to show.

CdsError
├── RequestError                400  the call violates the protocol; the message says where and what to do
│   ├── UnknownService          404
│   ├── BodyTooSlow             408
│   ├── BodyTooLarge            413
│   ├── TooManyOrders           413
│   └── NotJson                 415
├── NotAuthenticated            401  the call has no valid token; the reason is only in the log
├── NotAllowed                  403  the client is known but not registered for what it asks for
├── TooManyCalls                429  the client exceeded its rate limit; `retry_after` says when to call again
├── TooManyBodies               503  too many large bodies arrive at once; `retry_after` says when to call again
│   └── TooMuchFeedback         it stored more feedback than one client may
├── NothingJudged               412  no data could be retrieved, so nothing could be judged
├── StoreUnavailable            503  the database of feedback and records can't be reached
│   └── RowsRejected                 it works, and refuses these rows
└── SetupError                  500  the service can't start or a command can't run: tables, settings, files
    ├── SettingError                 a setting is wrong: name, value, remedy
    └── SeveralProblems              a file written by people has mistakes
        ├── TableError               a table, value set or site folder is wrong: file, row, problem, remedy
        └── ClientsError             the clients file is wrong: file, line, problem, remedy

Messages hold ids and counts, never names, dates of birth, tokens or free text of a record.
"""

from __future__ import annotations


class CdsError(Exception):
    """Base class; `issue_type` is the issue type of the FHIR OperationOutcome."""

    status = 500
    issue_type = "exception"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(CdsError):
    """The call violates the protocol."""

    status = 400
    issue_type = "invalid"


class UnknownService(RequestError):
    """No service has this id."""

    status = 404
    issue_type = "not-found"


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    status = 408
    issue_type = "timeout"


class BodyTooLarge(RequestError):
    """The body is larger than `CDS_MAX_BODY`."""

    status = 413
    issue_type = "too-long"


class TooManyOrders(RequestError):
    """More orders than one call is judged on."""

    status = 413
    issue_type = "too-costly"


class NotJson(RequestError):
    """The body is not declared as JSON."""

    status = 415
    issue_type = "not-supported"


class NotAuthenticated(CdsError):
    """The call has no valid token. The message is the same whatever is wrong with it."""

    status = 401
    issue_type = "login"


class NotAllowed(CdsError):
    """The client is known but not registered for what it asks for."""

    status = 403
    issue_type = "forbidden"


class TooManyCalls(CdsError):
    """The client exceeded its rate limit.

    Args:
        retry_after: seconds until the client may call again.
        message: by default, that of the rate limit.
    """

    status = 429
    issue_type = "throttled"

    def __init__(self, retry_after: int, message: str | None = None) -> None:
        super().__init__(message or f"Too many calls (setting CDS_RATE_LIMIT). Call again in {retry_after} seconds.")
        self.retry_after = retry_after


class TooManyBodies(CdsError):
    """Too many large bodies arrive at once."""

    status = 503
    issue_type = "throttled"
    retry_after = 2


class TooMuchFeedback(TooManyCalls):
    """The client stored more feedback than one may, and nothing of this batch was stored.

    Args:
        what: of which there is too much, as a sentence.
        retry_after: seconds until the client may send again.
    """

    def __init__(self, what: str, retry_after: int) -> None:
        super().__init__(retry_after, f"{what} Nothing of this batch was stored.")


class NothingJudged(CdsError):
    """Nothing could be judged: no data from prefetch or a FHIR server. `reasons` are keys of the wording file."""

    status = 412
    issue_type = "incomplete"

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


class StoreUnavailable(CdsError):
    """The database can't be reached or timed out; nothing was written."""

    status = 503
    issue_type = "transient"


class RowsRejected(StoreUnavailable):
    """The database works, and refuses these rows; nothing was written."""


class SetupError(CdsError):
    """The service can't start, or a command can't run."""


class SeveralProblems(SetupError):
    """A file written by people has mistakes; `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class TableError(SeveralProblems):
    """A table is wrong: file, row, problem, remedy."""


class SettingError(SetupError):
    """A setting is wrong."""


class ClientsError(SeveralProblems):
    """The clients file is wrong: file, line, problem, remedy."""
