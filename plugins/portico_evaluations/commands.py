"""`portico evaluation …`: the leaderboard of models."""

import click

from portico.api import CommandContext
from portico.api.cli import json_option, print_json, printable
from portico_evaluations.leaderboard import Leaderboard


@click.group()
def evaluation() -> None:
    """Show what users think of the replies of models."""


@evaluation.command()
@click.option("--tag", default="", help="Only ratings with this tag.")
@json_option
@click.pass_obj
def leaderboard(context: CommandContext, tag: str, as_json: bool) -> None:
    """List models by the ratings of their replies, the best first."""
    board: Leaderboard = context.plugin.leaderboard
    found = context.run(lambda _: board.of(tag))
    if as_json:
        print_json(found)
        return
    if not found.models:
        click.echo("There are no ratings.", err=True)
    for one in found.models:
        rating = "-" if one.rating is None else one.rating
        click.echo(
            printable(
                f"{one.model_id}  rating {rating}  won {one.won}, lost {one.lost}"
                f"  liked {one.thumbs_up}, disliked {one.thumbs_down}"
            )
        )
