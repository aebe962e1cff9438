"""`portico webhook …`: test the administrators' webhook, make another secret, show what was delivered."""

import click

from portico.api import CommandContext
from portico.api.cli import format_time, json_option, not_found, print_json, printable
from portico_webhooks.schemas import DeliveryView


@click.group()
def webhook() -> None:
    """Test the administrators' webhook, and show what was delivered."""


@webhook.command()
@click.pass_obj
def test(context: CommandContext) -> None:
    """Send a test. Exits with 1 if it was not accepted."""
    result = context.run(lambda _: context.plugin.administration.test())
    if not result.delivered:
        click.echo(result.error, err=True)
        raise SystemExit(1)
    click.echo(f"The receiver has accepted it with status {result.status}.", err=True)


@webhook.command()
@click.pass_obj
def secret(context: CommandContext) -> None:
    """Make another secret for the signatures, and print it. The former one signs nothing any more."""
    made = context.run(lambda _: context.plugin.administration.replace_secret())
    click.echo(made.secret)


@webhook.command()
@click.option(
    "--before", default="", help="Only messages that are older than the one with this id."
)
@json_option
@click.pass_obj
def deliveries(context: CommandContext, /, before: str, as_json: bool) -> None:
    """List the newest 50 messages to all webhooks."""
    with not_found("There is no message with this id. Leave out --before for the newest ones."):
        page = context.run(lambda _: context.plugin.administration.deliveries(before))
    if as_json:
        print_json(page)
        return
    for one in page.deliveries:
        click.echo(_line(one))
    if not page.deliveries:
        click.echo("No messages.", err=True)
    if page.next is not None:
        click.echo(f"For older messages, add: --before {page.next}", err=True)


def _line(one: DeliveryView) -> str:
    why = one.error or one.skipped or ""
    whose = one.user_id or "administrators"
    return printable(
        f"{one.id}  {format_time(one.created_at)}  {one.status:<9} {one.tries:>2}  {one.event:<6}  {whose}  {why}"
    )
