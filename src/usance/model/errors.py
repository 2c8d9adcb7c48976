"""What can go wrong, in one small hierarchy.

What an operator can mend is a :class:`UsanceError`: one clear sentence and a hint. Everything
else may crash loudly.
"""


class UsanceError(Exception):
    """Something that the operator can mend.

    *message* says in one sentence what is wrong and where; *hint* says what to do. Neither
    holds a secret. *exit_status* is what a command ends with when nothing handles the error.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(UsanceError):
    """An option, a file or an argument is wrong or missing."""

    exit_status = 2


class CloudError(UsanceError):
    """A service of the cloud did not give what we need."""


class AuthenticationError(CloudError):
    """Keystone does not accept the account."""


class AccessError(CloudError):
    """The account may not see something that it must see."""


class UnknownProjectError(CloudError):
    """A configured project does not exist, or the account can't see it."""


class DoubtfulLookError(CloudError):
    """A poll did not show everything, so that it counts for nothing."""


class LedgerError(UsanceError):
    """The ledger can't be opened, read or written."""


class DeliveryError(UsanceError):
    """A messenger did not take a message."""


class LockHeldError(UsanceError):
    """Another run holds the lock."""

    exit_status = 75


def first_of(group: BaseExceptionGroup[UsanceError]) -> UsanceError:
    """Return the first error of a group, however deep it lies."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner
