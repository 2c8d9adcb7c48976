"""The authentication plug-ins of keystoneauth, by the name that a configuration gives them."""

from __future__ import annotations

from typing import Any, Final

from keystoneauth1 import loading
from oslo_config import cfg

from usance.config.installed import installed

_GROUP: Final = "keystoneauth1.plugin"
_OWN: Final = "keystoneauth1."


def plugin_loader(auth_type: str) -> Any:
    """Return keystoneauth's loader of a plug-in. Raises keystoneauth's NoMatchingPlugin if there is none.

    keystoneauth asks stevedore, which looks at every file of metadata there is, to find out whether
    what it noted of them in its cache still holds. For a plug-in of keystoneauth's own, which no
    other distribution replaces, there is no need to.
    """
    points = installed(_GROUP).select(name=auth_type)
    if len(points) == 1:
        (point,) = points
        if point.module.startswith(_OWN):
            return point.load()()
    return loading.get_plugin_loader(auth_type)


def plugin_options(auth_type: str) -> list[cfg.Opt]:
    """Return the options of a plug-in. Raises NoMatchingPlugin as :func:`plugin_loader`."""
    options: list[cfg.Opt] = loading.get_auth_plugin_conf_options(plugin_loader(auth_type))
    return options
