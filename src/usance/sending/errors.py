"""Why a message did not go, sorted by what is to be done about it."""

from usance.model.errors import DeliveryError


class ServiceDownError(DeliveryError):
    """The service does not work for any destination; what is in other queues need not be tried now."""


class RefusedMessageError(DeliveryError):
    """The service refuses this message for good; the ones behind it may go on."""


class TooLargeError(RefusedMessageError):
    """The service takes no message of this size; in smaller parts it may go."""
