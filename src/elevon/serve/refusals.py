"""What the transport itself refuses, before anybody is asked: user errors with a status of HTTP's own."""

from typing import ClassVar

from elevon import errors


class RefusedError(errors.UserError):
    """A request that HTTP has a status for.

    Attributes:
        http_status: That status.
    """

    http_status: ClassVar[int] = 400


class ForbiddenHostError(RefusedError):
    """The request was sent to a name that is not ours, as a page does whose name was bound to this machine."""

    http_status = 421


class NoPathError(errors.NotFoundError):
    """There is nothing at that path."""


class NoMethodError(RefusedError):
    """What is there can't be done to it."""

    http_status = 405


class TooLargeError(RefusedError):
    """The body is larger than is taken."""

    http_status = 413


class UnsupportedError(RefusedError):
    """The body is of a type that nobody reads here."""

    http_status = 415
