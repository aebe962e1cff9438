"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico_completions.model_calls import ModelCalls
from portico_completions.replies.running import Replies
from portico_completions.service import Completions
from portico_completions.settings import CompletionsSettings


class CompletionsPlugin:
    """The service behind the routes, the replies in the making, and calls of models for other plugins."""

    def __init__(self, app: AppContext, settings: CompletionsSettings) -> None:
        self.replies = Replies(app, settings)
        self.model_calls = ModelCalls(app)
        self.completions = Completions(app, settings, self.replies)
