"""Every error of the service, with the HTTP status it answers and a message that is safe to show.

CdsError
├── RequestError                400  the call breaks the protocol; the message says where and what to do
│   ├── UnknownService          404
│   ├── BodyTooLarge            413
│   └── NotJson                 415
├── NotAuthenticated            401  the call carries no token that counts; why is for the log alone
├── NotAllowed                  403  the client is known, and asks for something that it is not registered for
├── TooManyCalls                429  the client has called more often than it may; `retry_after` says when to come back
├── NothingJudged               412  no data could be retrieved, so nothing at all could be judged
├── StoreUnavailable            503  the database of feedback and records can't be reached now
└── SetupError                  500  the service can't start or a command can't run: tables, settings, files
    ├── SettingError                 a setting is wrong: name, value, remedy
    └── SeveralProblems              files written by people are wrong
        ├── TableError               a table, value set or site folder is wrong: file, row, problem, remedy
        └── ClientsError             the file of clients is wrong: file, line, problem, remedy

Messages hold ids and counts, never names, dates of birth, tokens or free text of a record.
"""

from __future__ import annotations


class CdsError(Exception):
    """Base of all; `issue_type` is the FHIR OperationOutcome issue type."""

    status = 500
    issue_type = "exception"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(CdsError):
    """The call breaks the protocol."""

    status = 400
    issue_type = "invalid"


class UnknownService(RequestError):
    """No service has this id."""

    status = 404
    issue_type = "not-found"


class BodyTooLarge(RequestError):
    """The body is larger than `CDS_MAX_BODY`."""

    status = 413
    issue_type = "too-long"


class NotJson(RequestError):
    """The body is not declared as JSON."""

    status = 415
    issue_type = "not-supported"


class NotAuthenticated(CdsError):
    """The call carries no token that counts. The message is the same whatever was wrong with it."""

    status = 401
    issue_type = "login"


class NotAllowed(CdsError):
    """The client is known, and asks for something that it is not registered for."""

    status = 403
    issue_type = "forbidden"


class TooManyCalls(CdsError):
    """The client has called more often than it may.

    Args:
        retry_after: seconds until it may call again.
    """

    status = 429
    issue_type = "throttled"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many calls (setting CDS_RATE_LIMIT). Call again in {retry_after} seconds.")
        self.retry_after = retry_after


class NothingJudged(CdsError):
    """Nothing could be judged: neither prefetch nor FHIR server gave any data; `reasons` are keys of the wording."""

    status = 412
    issue_type = "incomplete"

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


class StoreUnavailable(CdsError):
    """The database can't be reached, or did not answer in time; nothing was written."""

    status = 503
    issue_type = "transient"


class SetupError(CdsError):
    """The service can't start, or a command can't run."""


class SeveralProblems(SetupError):
    """Something written by people is wrong in several places. `problems` has one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class TableError(SeveralProblems):
    """A table is wrong: file, row, problem, remedy."""


class SettingError(SetupError):
    """A setting is wrong."""


class ClientsError(SeveralProblems):
    """The file of clients is wrong: file, line, problem, remedy."""
