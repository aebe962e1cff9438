"""`portico oauth …`: test claims, check providers, and link accounts to subjects of providers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from portico.api import AppContext, CommandContext, InvalidRequest
from portico.api.cli import (
    json_option,
    print_json,
    printable,
    renamed_command,
    renamed_option,
    shortened,
)
from portico_oauth.settings import ProviderName

if TYPE_CHECKING:
    from portico_oauth.login.provider import OAuthProvider

PROVIDERS = click.Choice(list(get_args(ProviderName)))


@click.group()
def oauth() -> None:
    """Test claims, check providers and link accounts.

    For sign-in at Google, Microsoft, GitHub, Feishu or any OpenID Connect provider.
    """


@oauth.command("test-claims")
@click.argument("claims", metavar="CLAIMS")
@click.option(
    "--provider",
    type=PROVIDERS,
    help="The provider of the claims. Default: the only configured one, else oidc.",
)
@click.option(
    "--email-verified/--email-unverified",
    default=None,
    help="What the provider returns about the e-mail address, for providers such as GitHub that return it apart from "
    "the claims.",
)
@renamed_option("--vouched", "--email-verified", is_flag=True)
@renamed_option("--not-vouched", "--email-unverified", is_flag=True)
@json_option
@click.pass_obj
def test_claims(
    context: CommandContext,
    claims: str,
    provider: str | None,
    email_verified: bool | None,
    as_json: bool,
) -> None:
    """Show what a sign-in with CLAIMS would do, and change nothing.

    CLAIMS is a JSON object, a token, a file that contains one of them, or - for standard input. Exits with 1 if the
    sign-in would be rejected.
    """
    from portico_oauth.cli.dry_run import format_preview, preview_login, read_claims

    text = _read_argument(claims)

    async def work(app: AppContext) -> Any:
        chosen = _provider(context, provider)
        try:
            claims_read, signature = await read_claims(chosen, text)
            return await preview_login(
                app, chosen, claims_read, email_verified=email_verified, signature=signature
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        finally:
            await chosen.close()

    preview = context.run(work)
    if as_json:
        print_json(preview)
    else:
        click.echo(format_preview(preview))
    sys.exit(1 if preview.outcome == "rejected" else 0)


@oauth.command()
@click.argument("provider", type=PROVIDERS, required=False)
@json_option
@click.pass_obj
def check(context: CommandContext, provider: str | None, as_json: bool) -> None:
    """Check PROVIDER, or all configured providers.

    Loads the discovery document and the keys, and shows the redirect URI to register at the provider. Exits with 1 if a
    provider cannot be used.
    """
    from portico_oauth.cli.provider_check import check_provider, format_check, unusable_check

    async def work(app: AppContext) -> list[Any]:
        plugin = context.plugin
        unusable = [one for one in plugin.unusable if provider in (None, one.name)]
        chosen = [] if provider else list(plugin.providers.values())
        if provider and not unusable:
            chosen = [_provider(context, provider)]
        if not chosen and not unusable:
            raise click.ClickException("No provider is configured; set its client id and secret.")
        checks = [await check_provider(app, target) for target in chosen]
        return checks + [await unusable_check(app, one) for one in unusable]

    checks = context.run(work)
    if as_json:
        print_json(checks)
    else:
        click.echo("\n\n".join(map(format_check, checks)))
    sys.exit(1 if any(check.problem for check in checks) else 0)


@oauth.command()
@click.argument("email")
@click.argument("provider", type=PROVIDERS)
@click.argument("subject")
@click.pass_obj
def link(context: CommandContext, email: str, provider: str, subject: str) -> None:
    """Link an account to a user of a provider.

    The user with the id SUBJECT at PROVIDER then signs in to the account with the e-mail address EMAIL.
    """

    async def work(app: AppContext) -> None:
        account = await app.identity.accounts.require_by_email(email)
        try:
            await app.identity.links.add(provider, subject, account.id)
        except InvalidRequest:  # its text is made for users who sign in
            raise InvalidRequest(
                f"{shortened(subject)} cannot be linked: it is linked to an account already, which `portico oauth list-links` "
                "shows, or it is too long for an id."
            ) from None

    context.run(work)
    click.echo(f"{printable(subject)} at {provider} is now linked to the account {email}.")


@oauth.command()
@click.argument("email")
@click.argument("provider", type=PROVIDERS)
@click.argument("subject")
@click.pass_obj
def unlink(context: CommandContext, email: str, provider: str, subject: str) -> None:
    """Remove the link between an account and a user of a provider.

    Ends the sessions of the account that were started at PROVIDER.
    """

    async def work(app: AppContext) -> bool:
        account_id = (await app.identity.accounts.require_by_email(email)).id
        dropped = await app.identity.links.remove(provider, subject, account_id)
        if dropped:
            await app.identity.sessions.close_by_method(account_id, provider)
        return dropped

    if not context.run(work):
        raise click.ClickException(
            f"{printable(subject)} at {provider} is not linked to the account {email}."
        )
    click.echo(f"{printable(subject)} at {provider} is no longer linked to the account {email}.")


@oauth.command("list-links")
@click.argument("email")
@json_option
@click.pass_obj
def list_links(context: CommandContext, email: str, as_json: bool) -> None:
    """List the users of providers that sign in to the account with the e-mail address EMAIL."""

    async def work(app: AppContext) -> list[tuple[str, str]]:
        account = await app.identity.accounts.require_by_email(email)
        return await app.identity.links.of(account.id)

    links = context.run(work)
    if as_json:
        print_json([{"provider": name, "subject": subject} for name, subject in links])
        return
    for name, subject in links:
        click.echo(f"{name:10} {printable(subject)}")
    if not links:
        click.echo("The account is not linked to any provider.", err=True)


def former_group() -> click.Group:
    """Return the former group `portico oidc`, whose commands exit with 2 and name the new ones."""

    def refuse(context: click.Context) -> None:
        if context.invoked_subcommand is None:
            raise click.UsageError("`portico oidc` is now `portico oauth`.")

    names = {
        "try": "test-claims",
        "check": "check",
        "link": "link",
        "unlink": "unlink",
        "links": "list-links",
    }
    return click.Group(
        "oidc",
        hidden=True,
        invoke_without_command=True,
        callback=click.pass_context(refuse),
        commands=[renamed_command(old, f"portico oauth {new}") for old, new in names.items()],
    )


def _read_argument(claims: str) -> str:
    if claims == "-":
        return sys.stdin.read()
    text = claims.strip()
    if text.startswith("{") or text.count(".") == 2 and text.startswith("ey"):
        return text
    try:
        return Path(claims).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"{claims[:80]!r} is not a JSON object, not a token, and not a file that can be read: "
            f"{getattr(error, 'strerror', None) or error}"
        ) from None


def _provider(context: CommandContext, name: str | None) -> "OAuthProvider":
    providers = context.plugin.providers
    if name is None:
        name = next(iter(providers)) if len(providers) == 1 else "oidc"
    if reason := next((one.reason for one in context.plugin.unusable if one.name == name), ""):
        raise click.ClickException(f"{name} is disabled: {printable(reason)}")
    if name not in providers:
        configured = ", ".join(sorted(providers)) or "none"
        raise click.ClickException(f"{name} is not configured; configured providers: {configured}.")
    provider: OAuthProvider = providers[name]
    return provider
