"""Hands what plugins contribute to the core services."""

from typing import TYPE_CHECKING

from portico.catalogue import WorkspaceModels
from portico.identity import PasswordRule
from portico.plugins.contributions import Contribution
from portico.wiring import CoreServices

if TYPE_CHECKING:
    from portico.boot.application import Application


def connect_plugin(core: CoreServices, contribution: Contribution) -> None:
    """Hand to the core services what a plugin contributes that another one can replace."""
    for service in contribution.services:
        core.context.services.provide(contribution.plugin_name, service)
    for source in contribution.sources:
        core.catalogue.add_source(contribution.plugin_name, source)
    if contribution.tracer is not None:
        core.tracing.use(contribution.plugin_name, contribution.tracer)
    core.identity.auth.add_providers(
        contribution.auth_providers, contribution.token_authenticators, contribution.plugin_name
    )


def bind_core_services(application: "Application") -> None:
    """Hand the services that the core itself uses to the packages that use them."""
    application.tasks.set_types(application.task_types)
    application.catalogue.set_actions(
        [
            application.isolation.message_action(c.plugin_name, one)
            for c in application.contributions
            for one in c.message_actions
        ]
    )
    services = application.context.services
    application.catalogue.set_workspace_models(services.get(WorkspaceModels))
    application.identity.set_password_rule(services.get(PasswordRule))


def disconnect_plugin(core: CoreServices, contribution: Contribution) -> None:
    """Take back from the core services what a plugin contributes."""
    plugin = contribution.plugin_name
    core.identity.auth.remove_providers(
        contribution.auth_providers, contribution.token_authenticators
    )
    if contribution.settings is not None:
        core.runtime_settings.remove(contribution.settings)
    core.context.services.remove(plugin)
    core.events.unsubscribe(plugin)
    core.tracing.remove(plugin)
    core.catalogue.remove_sources(plugin)
    core.gateway.remove_filters(plugin)
