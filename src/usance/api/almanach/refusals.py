"""Almanach's answers to what it can't do, in the words of each of its generations: data, and pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from usance.api.errors import RefusedError

BAD_DATE: Final = (
    "The provided date has an invalid format. Format should be of yyyy-mm-ddThh:mm:ss.msZ, "
    "ex: 2015-01-31T18:24:34.1523Z"
)
INVALID: Final = "Invalid parameter or payload"
NO_DATA: Final = "The request you have made must have data. None was given."


class InvalidFieldsError(RefusedError):
    """An update whose fields are not what they must be: 400, with a sentence for each field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(400, "; ".join(f"{name}: {text}" for name, text in fields.items()))
        self.fields = dict(fields)


def missing(name: str) -> RefusedError:
    """Return the refusal of a request without a field or parameter that it must have."""
    return RefusedError(400, f"The '{name}' param is mandatory for the request you have made.")


def bad_date() -> RefusedError:
    """Return the refusal of something that is no date."""
    return RefusedError(400, BAD_DATE)


def invalid() -> RefusedError:
    """Return the refusal of values that can't be."""
    return RefusedError(400, INVALID)


def no_data(version: int) -> RefusedError:
    """Return the refusal of a body that is no JSON object."""
    return RefusedError(400, NO_DATA if version == 3 else INVALID)


def not_found(version: int, entity_id: str) -> RefusedError:
    """Return the refusal to change an entity that is not active: 3.x took it for a missing field."""
    if version == 3:
        return missing(f"Unable to find entity id {entity_id}")
    return RefusedError(404, f"Entity {entity_id} not found")


def no_instance(version: int, instance_id: str, *, closed: bool = False) -> RefusedError:
    """Return the refusal to delete an instance that is not active, or to update a closed one."""
    if version == 3:
        return no_entity()
    return RefusedError(404, f"InstanceId: {instance_id} Not Found" + (" with start" if closed else ""))


def no_entity() -> RefusedError:
    """Return the refusal to show what there is not."""
    return RefusedError(404, "Entity not found")


def several(version: int) -> RefusedError:
    """Return the refusal to update one closed entity where several are meant."""
    which = "closed" if version == 3 else "a closed entity"
    return RefusedError(400, f"Multiple entities found while updating {which}")


def no_volume_type(type_id: str) -> RefusedError:
    """Return the refusal of a type of volume that nobody has named."""
    return RefusedError(404, f'Unable to find volume_type_id "{type_id}"')


def said(refusal: RefusedError) -> Any:
    """Return what stands under `error`."""
    return refusal.fields if isinstance(refusal, InvalidFieldsError) else refusal.message
