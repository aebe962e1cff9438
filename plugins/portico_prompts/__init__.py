"""Prompts of the workspace: texts that users insert by typing `/` and a command, shared like models."""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, Listener, PluginInfo, Section, hookimpl
from portico.api.auth import AccountDeleting
from portico.api.db import TableSet
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_prompts.service import PromptService
    from portico_prompts.settings import PromptsSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Prompts of the workspace: create, list, change, share, delete.",
    route_prefixes=("/api/v1/prompts",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: limits."""
    from portico_prompts.settings import PromptsSettings

    return PromptsSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the table of prompts."""
    from portico_prompts.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `prompt` with its actions."""
    from portico_prompts.resource_kind import PROMPTS

    return [PROMPTS]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the packaged policy file about prompts."""
    return [PackagedPolicy("portico_policies", "prompts.csv")]


@hookimpl
def register_components(app: AppContext, settings: "PromptsSettings") -> object:
    """Return the service of this plugin."""
    from portico_prompts.service import PromptService

    return PromptService(app, settings)


@hookimpl
def register_listeners(plugin: "PromptService") -> list[Listener]:
    """Return the listener that transfers or deletes the prompts of a deleted account."""
    return [Listener(AccountDeleting, plugin.on_account_deleting)]


@hookimpl
def register_transfer_kinds(app: AppContext) -> "list[TransferKind]":
    """Return the prompts of exports and imports."""
    from portico_prompts.transfer_kind import PromptTransfer

    return [PromptTransfer(app)]


@hookimpl
def register_routes() -> list[object]:
    """Return the route handlers below `/api/v1/prompts`."""
    from portico_prompts.routes import PromptRoutes

    return [PromptRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico prompt`."""
    from portico_prompts.commands import prompt

    cli.add_command(prompt)
