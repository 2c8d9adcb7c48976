"""What the simulated Nova tells of the actions on a server."""

from __future__ import annotations

from typing import Any, Final

from usance.demo.life import Life, Step
from usance.demo.nova_call import Call, enforce, next_url, number_of, page_size, seconds
from usance.demo.site import uuid_id
from usance.demo.web import Refusal, Response, answer, iso_micro


def request_id(life: Life, place: int) -> str:
    """Return the request id of the step at some place of a life."""
    return f"req-{uuid_id(life.id, place)}"


def _actions(call: Call, server_id: str) -> list[tuple[Life, int, Step]]:
    """Return the actions on a server so far, newest first; those of a deleted one from 2.21 on."""
    number = number_of(call, server_id, deleted=call.version >= (2, 21))
    life = call.region.history.life(number)
    so_far = [
        (life, place, step)
        for place, step in enumerate(life.steps)
        if step.action and step.begin_us <= call.now_us
    ]
    return so_far[::-1]


def _action(call: Call, life: Life, place: int, step: Step) -> dict[str, Any]:
    over = step.end_us <= call.now_us
    shown = {
        "action": step.action,
        "instance_uuid": life.id,
        "request_id": request_id(life, place),
        "user_id": life.user_id,
        "project_id": life.project_id,
        "start_time": iso_micro(step.begin_us),
        "message": "Error" if step.failed and over else None,
    }
    if call.version >= (2, 58):
        shown["updated_at"] = iso_micro(step.end_us if over else step.begin_us)
    return shown


def list_actions(call: Call, server_id: str) -> Response:
    """Answer `servers/<id>/os-instance-actions`: pages and ends of actions from 2.58 on."""
    enforce(call, "os-instance-actions:list")
    actions = [_action(call, *one) for one in _actions(call, server_id)]
    if call.version < (2, 58):
        return answer({"instanceActions": actions})
    query, size = call.request.query, page_size(call)
    if "changes-since" in query:
        since = iso_micro(seconds(query["changes-since"]) * 1_000_000)
        actions = [one for one in actions if one["updated_at"] >= since]
    marker = query.get("marker")
    if marker is not None:
        places = [place for place, one in enumerate(actions) if one["request_id"] == marker]
        if not places:
            raise Refusal(400, f"marker [{marker}] not found")
        actions = actions[places[0] + 1 :]
    content: dict[str, Any] = {"instanceActions": actions[:size]}
    if size and len(actions) >= size:
        path = f"servers/{server_id}/os-instance-actions"
        url = next_url(call, path, actions[size - 1]["request_id"], size)
        content["links"] = [{"rel": "next", "href": url}]
    return answer(content)


_EVENTS: Final = {
    "create": "compute__do_build_and_run_instance",
    "resize": "compute_finish_resize",
    "delete": "compute_terminate_instance",
}


def show_action(call: Call, server_id: str, wanted: str) -> Response:
    """Answer `servers/<id>/os-instance-actions/<request id>`: the action with its one event."""
    enforce(call, "os-instance-actions:show")
    for life, place, step in _actions(call, server_id):
        if request_id(life, place) != wanted:
            continue
        over = step.end_us <= call.now_us
        event: dict[str, Any] = {
            "event": _EVENTS.get(step.action, f"compute_{step.action.lower()}_instance"),
            "start_time": iso_micro(step.begin_us),
            "finish_time": iso_micro(step.end_us) if over else None,
            "result": ("Error" if step.failed else "Success") if over else None,
        }
        if call.version >= (2, 51) or call.token.is_admin:
            event["traceback"] = None
        if call.version >= (2, 62):
            event["hostId"] = ""
        return answer({"instanceAction": {**_action(call, life, place, step), "events": [event]}})
    raise Refusal(404, f"Action for request_id {wanted} on instance {server_id} not found")
