"""Keystone v3: discovery, tokens, projects, users and domains, with the policies of a real one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from usance.demo.cloud import DemoCloud
from usance.demo.site import Project, User
from usance.demo.tokens import Token
from usance.demo.web import Refusal, Request, Response, answer

PREFIX = "identity"

_UNAUTHORIZED = "The request you have made requires authentication."


def handle(cloud: DemoCloud, request: Request, parts: list[str]) -> Response:
    """Answer a request to `/identity/...`; *parts* are the segments behind that."""
    try:
        if not parts:
            return answer({"versions": {"values": [_version(request)]}}, 300)
        if parts == ["v3"]:
            return answer({"version": _version(request)})
        if parts == ["v3", "auth", "tokens"] and request.method == "POST":
            return _authenticate(cloud, request)
        return _resource(cloud, request, parts)
    except Refusal as refusal:
        return error(refusal)


def error(refusal: Refusal) -> Response:
    """Return an error in Keystone's words."""
    titles = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    title = titles.get(refusal.status, "Error")
    return answer(
        {"error": {"code": refusal.status, "message": refusal.message, "title": title}}, refusal.status
    )


def token_of(cloud: DemoCloud, request: Request) -> Token:
    """Return the valid token that a request carries."""
    token = cloud.tokens.find(request.headers.get("x-auth-token", ""))
    if token is None:
        raise Refusal(401, _UNAUTHORIZED)
    return token


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/{PREFIX}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


# --- tokens ------------------------------------------------------------------------------------


def _authenticate(cloud: DemoCloud, request: Request) -> Response:
    try:
        auth = orjson.loads(request.body)["auth"]
        identity = auth["identity"]
        methods = tuple(identity["methods"])
        if methods == ("application_credential",):
            token = _by_application_credential(cloud, identity["application_credential"])
        elif methods == ("password",):
            token = _scoped(cloud, _by_password(cloud, identity["password"]["user"]), auth.get("scope"))
        elif methods == ("token",):
            known = cloud.tokens.find(identity["token"]["id"])
            if known is None:
                raise Refusal(401, _UNAUTHORIZED)
            token = _scoped(cloud, known.user, auth.get("scope"), methods)
        else:
            raise Refusal(401, _UNAUTHORIZED)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(400, "Expecting to find auth in the request body.") from None
    content = {"token": _describe(cloud, token, request.base_url)}
    return answer(content, 201, ((b"x-subject-token", token.id.encode()),))


def _by_password(cloud: DemoCloud, given: dict[str, Any]) -> User:
    for user in cloud.site.users:
        if "id" in given:
            meant = user.id == given["id"]
        else:
            meant = user.name == given["name"] and _is_domain(cloud, user.domain_id, given.get("domain", {}))
        if meant and user.password and user.password == given["password"]:
            return user
    raise Refusal(401, _UNAUTHORIZED)


def _by_application_credential(cloud: DemoCloud, given: dict[str, Any]) -> Token:
    for credential in cloud.site.application_credentials:
        if credential.id == given["id"] and credential.secret == given["secret"]:
            user = next(user for user in cloud.site.users if user.id == credential.user_id)
            return cloud.tokens.issue(
                user,
                credential.roles,
                project_id=credential.project_id,
                methods=("application_credential",),
            )
    raise Refusal(401, _UNAUTHORIZED)


def _is_domain(cloud: DemoCloud, domain_id: str, given: dict[str, Any]) -> bool:
    if "id" in given:
        return bool(given["id"] == domain_id)
    return any(domain.id == domain_id and domain.name == given.get("name") for domain in cloud.site.domains)


def _scoped(cloud: DemoCloud, user: User, scope: Any, methods: tuple[str, ...] = ("password",)) -> Token:
    """Return a token in the scope that was asked for; 401 where the user has no role, as Keystone does."""
    if scope is None or scope == "unscoped":
        return cloud.tokens.issue(user, (), methods=methods)
    if "system" in scope:
        if not user.system_roles:
            raise Refusal(401, _UNAUTHORIZED)
        return cloud.tokens.issue(user, user.system_roles, system=True, methods=methods)
    if "domain" in scope:
        for domain_id, roles in user.domain_roles.items():
            if _is_domain(cloud, domain_id, scope["domain"]):
                return cloud.tokens.issue(user, roles, domain_id=domain_id, methods=methods)
        raise Refusal(401, _UNAUTHORIZED)
    project = _project_meant(cloud, scope["project"])
    if project is None or not project.enabled or not user.roles_in(project.id):
        raise Refusal(401, _UNAUTHORIZED)
    return cloud.tokens.issue(user, user.roles_in(project.id), project_id=project.id, methods=methods)


def _project_meant(cloud: DemoCloud, given: dict[str, Any]) -> Project | None:
    for project in cloud.site.projects:
        if project.id == given.get("id"):
            return project
        if project.name == given.get("name") and _is_domain(
            cloud, project.domain_id, given.get("domain", {})
        ):
            return project
    return None


def _describe(cloud: DemoCloud, token: Token, base_url: str) -> dict[str, Any]:
    domains = {domain.id: {"id": domain.id, "name": domain.name} for domain in cloud.site.domains}
    described: dict[str, Any] = {
        "methods": list(token.methods),
        "user": {
            "domain": domains[token.user.domain_id],
            "id": token.user.id,
            "name": token.user.name,
            "password_expires_at": None,
        },
        "audit_ids": [token.id[:22]],
        "issued_at": _real(token.issued_s),
        "expires_at": _real(token.expires_s),
    }
    if token.project_id is not None:
        project = next(one for one in cloud.site.projects if one.id == token.project_id)
        described["project"] = {
            "domain": domains[project.domain_id],
            "id": project.id,
            "name": project.name,
        }
        described["is_domain"] = False
    elif token.domain_id is not None:
        described["domain"] = domains[token.domain_id]
    elif token.system:
        described["system"] = {"all": True}
    if token.roles:
        described["roles"] = [{"id": f"{role:0>32}", "name": role} for role in token.roles]
        described["catalog"] = _catalog(cloud, token, base_url)
    return described


def _real(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _catalog(cloud: DemoCloud, token: Token, base_url: str) -> list[dict[str, Any]]:
    services = [
        ("identity", "keystone", f"{base_url}/{PREFIX}"),
        ("compute", "nova", f"{base_url}/$region/compute/v2.1"),
        ("image", "glance", f"{base_url}/$region/image"),
        ("network", "neutron", f"{base_url}/$region/network"),
    ]
    if token.project_id is not None:
        # Both names are in use: clients look for either of them.
        services += [
            (kind, "cinder", f"{base_url}/$region/volume/v3/{token.project_id}")
            for kind in ("volumev3", "block-storage")
        ]
    services += [(kind, kind, url) for kind, url in cloud.elsewhere.items()]
    return [
        {
            "type": kind,
            "name": name,
            "id": f"{name}-{kind}",
            "endpoints": [
                {
                    "id": f"{name}-{kind}-{region}-{interface}",
                    "interface": interface,
                    "region": region,
                    "region_id": region,
                    "url": url.replace("$region", region),
                }
                for region in cloud.regions
                for interface in ("public", "internal", "admin")
            ],
        }
        for kind, name, url in services
        if kind not in cloud.options.uncatalogued
    ]


# --- projects, users, domains ------------------------------------------------------------------


def _resource(cloud: DemoCloud, request: Request, parts: list[str]) -> Response:
    token = token_of(cloud, request)
    if request.method in {"PATCH", "PUT"} and parts[:2] == ["v3", "projects"]:
        return _change_project(cloud, request, token, parts[2:])
    if request.method not in {"GET", "HEAD"} or parts[0] != "v3":
        raise Refusal(404, "The resource could not be found.")
    if tuple(parts[1:]) in _LISTS:
        return _LISTS[tuple(parts[1:])](cloud, request, token)
    if len(parts) == 3 and parts[1] in _SHOWN:
        return _SHOWN[parts[1]](cloud, request, token, parts[2])
    if len(parts) == 4 and parts[1] == "users" and parts[3] == "projects":
        if not (token.reads_system or token.user.id == parts[2]):
            raise _forbidden("identity:list_user_projects")
        user = next((user for user in cloud.site.users if user.id == parts[2]), None)
        mine = [one for one in cloud.site.projects if user is not None and user.roles_in(one.id)]
        return _listed(request, "projects", [_project(one, request) for one in mine])
    raise Refusal(404, "The resource could not be found.")


def _forbidden(action: str) -> Refusal:
    return Refusal(403, f"You are not authorized to perform the requested action: {action}.")


def _listed(request: Request, name: str, content: list[dict[str, Any]]) -> Response:
    links = {"next": None, "self": f"{request.base_url}{request.path}", "previous": None}
    return answer({name: content, "links": links})


def _projects(cloud: DemoCloud, request: Request, token: Token) -> Response:
    reads = token.reads_system or (token.domain_id and "reader" in token.roles)
    if not (reads and cloud.may(token, "identity:list_projects")):
        raise _forbidden("identity:list_projects")
    query = request.query
    tags = set(filter(None, query.get("tags", "").split(",")))
    found = [
        _project(one, request)
        for one in cloud.site.projects
        if tags <= set(one.tags)
        and query.get("name", one.name) == one.name
        and query.get("domain_id", one.domain_id) == one.domain_id
        and (token.domain_id is None or one.domain_id == token.domain_id)
    ]
    return _listed(request, "projects", found)


def _my_projects(cloud: DemoCloud, request: Request, token: Token) -> Response:
    mine = [_project(one, request) for one in cloud.site.projects if token.user.roles_in(one.id)]
    return _listed(request, "projects", mine)


def _show_project(cloud: DemoCloud, request: Request, token: Token, project_id: str) -> Response:
    project = next((one for one in cloud.site.projects if one.id == project_id), None)
    allowed = token.reads_system or token.project_id == project_id
    if project is not None and token.domain_id is not None:
        allowed = allowed or (token.domain_id == project.domain_id and "reader" in token.roles)
    if not allowed:
        # Keystone looks before it asks the policy, and tells nobody without rights whether it is there.
        raise _forbidden("identity:get_project")
    if project is None:
        raise Refusal(404, f"Could not find project: {project_id}.")
    return answer({"project": _project(project, request)})


def _change_project(cloud: DemoCloud, request: Request, token: Token, parts: list[str]) -> Response:
    """Answer PATCH of a project, and PUT of one of its tags; both take the role admin."""
    tagging = request.method == "PUT" and len(parts) == 3 and parts[1] == "tags"
    if not tagging and not (request.method == "PATCH" and len(parts) == 1):
        raise Refusal(404, "The resource could not be found.")
    if "admin" not in token.roles:
        raise _forbidden("identity:create_project_tag" if tagging else "identity:update_project")
    project = next((one for one in cloud.site.projects if one.id == parts[0]), None)
    if project is None:
        raise Refusal(404, f"Could not find project: {parts[0]}.")
    if tagging:
        tags = tuple(dict.fromkeys((*project.tags, parts[2])))
        cloud.changed[project.id] = msgspec.structs.replace(project, tags=tags)
        return Response(201)
    try:
        given = orjson.loads(request.body)["project"]
        properties = {**project.properties, **{str(key): str(value) for key, value in given.items()}}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(400, "Expecting to find project in request body.") from None
    project = cloud.changed[project.id] = msgspec.structs.replace(project, properties=properties)
    return answer({"project": _project(project, request)})


def _project(project: Project, request: Request) -> dict[str, Any]:
    return {
        **project.properties,
        "id": project.id,
        "name": project.name,
        "domain_id": project.domain_id,
        "parent_id": project.domain_id,
        "is_domain": False,
        "enabled": project.enabled,
        "description": "",
        "tags": list(project.tags),
        "options": {},
        "links": {"self": f"{request.base_url}/{PREFIX}/v3/projects/{project.id}"},
    }


def _may_read_users(cloud: DemoCloud, token: Token, domain_id: str | None, rule: str) -> bool:
    if not cloud.may(token, rule):
        return False
    if token.reads_system or (cloud.options.users_for_readers and "reader" in token.roles):
        return True
    return token.domain_id is not None and "reader" in token.roles and domain_id in {None, token.domain_id}


def _users(cloud: DemoCloud, request: Request, token: Token) -> Response:
    query = request.query
    if not _may_read_users(cloud, token, query.get("domain_id"), "identity:list_users"):
        raise _forbidden("identity:list_users")
    found = [
        _user(one, request)
        for one in cloud.site.users
        if query.get("name", one.name) == one.name
        and query.get("domain_id", token.domain_id or one.domain_id) == one.domain_id
    ]
    return _listed(request, "users", found)


def _show_user(cloud: DemoCloud, request: Request, token: Token, user_id: str) -> Response:
    user = next((one for one in cloud.site.users if one.id == user_id), None)
    domain_id = user.domain_id if user is not None else None
    if token.user.id != user_id and not _may_read_users(cloud, token, domain_id, "identity:get_user"):
        raise _forbidden("identity:get_user")
    if user is None:
        raise Refusal(404, f"Could not find user: {user_id}.")
    return answer({"user": _user(user, request)})


def _user(user: User, request: Request) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": True,
        "options": {},
        "password_expires_at": None,
        "links": {"self": f"{request.base_url}/{PREFIX}/v3/users/{user.id}"},
    }


def _domains(cloud: DemoCloud, request: Request, token: Token) -> Response:
    if not token.reads_system:
        raise _forbidden("identity:list_domains")
    name = request.query.get("name")
    found = [_domain(one.id, one.name) for one in cloud.site.domains if name in {None, one.name}]
    return _listed(request, "domains", found)


def _show_domain(cloud: DemoCloud, _request: Request, token: Token, domain_id: str) -> Response:
    if not token.reads_system and token.domain_id != domain_id:
        raise _forbidden("identity:get_domain")
    for domain in cloud.site.domains:
        if domain.id == domain_id:
            return answer({"domain": _domain(domain.id, domain.name)})
    raise Refusal(404, f"Could not find domain: {domain_id}.")


def _domain(domain_id: str, name: str) -> dict[str, Any]:
    return {"id": domain_id, "name": name, "enabled": True, "description": "", "options": {}}


def _show_token(cloud: DemoCloud, request: Request, token: Token) -> Response:
    subject = cloud.tokens.find(request.headers.get("x-subject-token", ""))
    if subject is None:
        raise Refusal(404, "Could not find token.")
    if subject.user.id != token.user.id and not (token.reads_system or "service" in token.roles):
        raise _forbidden("identity:validate_token")
    return answer({"token": _describe(cloud, subject, request.base_url)})


def _my_system(_cloud: DemoCloud, request: Request, token: Token) -> Response:
    return _listed(request, "system", [{"all": True}] if token.user.system_roles else [])


def _my_domains(cloud: DemoCloud, request: Request, token: Token) -> Response:
    mine = [_domain(one.id, one.name) for one in cloud.site.domains if one.id in token.user.domain_roles]
    return _listed(request, "domains", mine)


_LISTS: dict[tuple[str, ...], Callable[[DemoCloud, Request, Token], Response]] = {
    ("projects",): _projects,
    ("users",): _users,
    ("domains",): _domains,
    ("auth", "projects"): _my_projects,
    ("auth", "domains"): _my_domains,
    ("auth", "system"): _my_system,
    ("auth", "tokens"): _show_token,
}

_SHOWN: dict[str, Callable[[DemoCloud, Request, Token, str], Response]] = {
    "projects": _show_project,
    "users": _show_user,
    "domains": _show_domain,
}
