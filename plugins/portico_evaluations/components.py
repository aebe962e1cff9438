"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_evaluations.arena_config import ArenaConfig
from portico_evaluations.feedback_lists import FeedbackLists
from portico_evaluations.leaderboard import Leaderboard
from portico_evaluations.service import FeedbackService
from portico_evaluations.settings import EvaluationsSettings


@dataclass(frozen=True, slots=True)
class EvaluationsPlugin:
    """The objects of this plugin."""

    feedback: FeedbackService
    lists: FeedbackLists
    leaderboard: Leaderboard
    arena: ArenaConfig


def build(app: AppContext, settings: EvaluationsSettings) -> EvaluationsPlugin:
    """Build the objects of one application. Opens nothing."""
    leaderboard = Leaderboard(app)
    return EvaluationsPlugin(
        feedback=FeedbackService(app, settings, leaderboard),
        lists=FeedbackLists(app, settings),
        leaderboard=leaderboard,
        arena=ArenaConfig(app),
    )
