"""Neutron without agents: an ML2 mechanism driver that binds every port at once."""

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class BindingDriver(api.MechanismDriver):
    """Nova waits for a bound port before it builds a server; the drivers in Neutron bind none here."""

    connectivity = portbindings.CONNECTIVITY_L2

    def initialize(self) -> None:
        """Set nothing up."""

    def bind_port(self, context: api.PortContext) -> None:
        """Bind a port to its first segment, active."""
        segment = context.segments_to_bind[0]
        context.set_binding(
            segment[api.ID],
            portbindings.VIF_TYPE_OVS,
            {portbindings.CAP_PORT_FILTER: True},
            status=constants.PORT_STATUS_ACTIVE,
        )
