"""`portico usage`: what models were used for, by whom, and what it cost."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from portico.api import AppContext, CommandContext
from portico.api.cli import (
    UTC_TIME,
    epoch_seconds,
    format_time,
    json_option,
    print_json,
    printable,
)
from portico_usage.components import UsagePlugin
from portico_usage.export import csv_header, csv_lines, used_fields
from portico_usage.queries import DIMENSIONS
from portico_usage.schemas import UsageSums

#: Columns of the table, besides those that sums are grouped by.
_SHOWN_SUMS = ("calls", "failed_calls", "input_tokens", "output_tokens", "cost")
_SHOWN_CALLS = ("at", "user_email", "model", "outcome", "input_tokens", "output_tokens", "cost")

#: Labels that another column makes unnecessary in a table.
_LONG_LABELS = ("user_id", "user_name", "group_id")


@click.command()
@click.option(
    "--by",
    "dimensions",
    multiple=True,
    type=click.Choice(list(DIMENSIONS)),
    help="What to add up by, the day if nothing else; may be repeated.",
)
@click.option("--calls", "wants_calls", is_flag=True, help="Single calls, newest first.")
@click.option(
    "--from",
    "since",
    type=UTC_TIME,
    callback=epoch_seconds,
    help="Only at or after this time in UTC.",
)
@click.option(
    "--to", "until", type=UTC_TIME, callback=epoch_seconds, help="Only before this time in UTC."
)
@click.option("--user", default="", help="Only of this account: its id or e-mail address.")
@click.option("--group", "group_id", default="", help="Only of members of the group with this id.")
@click.option("--model", default="", help="Only of this model, as clients name it.")
@click.option("--base-model", default="", help="Only of this model, as its source names it.")
@click.option("--source", default="", help="Only of this source.")
@click.option("--key", "key_id", default="", help="Only with the API key with this id.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@json_option
@click.pass_obj
def usage(
    context: CommandContext,
    /,
    dimensions: Sequence[str],
    wants_calls: bool,
    as_json: bool,
    as_csv: bool,
    **filters: Any,
) -> None:
    """Show what models were used for: calls, tokens and money.

    Sums are of whole days in UTC, and the newest days come first. A call of a user with several groups is part of the sums of each.
    """
    plugin: UsagePlugin = context.plugin
    if wants_calls and dimensions:
        raise click.UsageError("--calls shows single calls: leave out --by.")
    by = tuple(dict.fromkeys(dimensions)) or ("day",)

    async def work(_: AppContext) -> tuple[str, list[msgspec.Struct]]:
        query = await plugin.reports.query(**filters)
        items: list[msgspec.Struct] = []
        if wants_calls:
            async for block in plugin.reports.call_blocks(query):
                items += block
        else:
            items += await plugin.reports.groups(query, by)
        return await plugin.prices.currency(), items

    currency, items = context.run(work)
    fields = used_fields(items[0]) if items else []
    if as_json:
        print_json(items)
    elif as_csv:
        click.echo(csv_header(fields) + csv_lines(items, fields), nl=False)
    elif not items:
        click.echo("No usage.", err=True)
    elif wants_calls:
        _print_table(items, _SHOWN_CALLS, currency)
    else:
        labels = [one for one in fields if one not in (*UsageSums.__struct_fields__, *_LONG_LABELS)]
        _print_table(items, [*labels, *_SHOWN_SUMS], currency)


def _print_table(items: Sequence[msgspec.Struct], fields: Sequence[str], currency: str) -> None:
    heads = [f"cost {currency}" if name == "cost" else name.replace("_", " ") for name in fields]
    rows = [[printable(_text(name, getattr(item, name))) for name in fields] for item in items]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if _is_number(items[0], name) else cell.ljust(width)
            for cell, width, name in zip(row, widths, fields, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _is_number(item: msgspec.Struct, name: str) -> bool:
    return not isinstance(getattr(item, name), str) and name != "at"


def _text(name: str, value: Any) -> str:
    if name == "at":
        return format_time(value)
    if name == "cost":
        return "" if value is None else f"{value:.4f}"
    return value if isinstance(value, str) else str(value)
