"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico_generation.config import GenerationConfigService
from portico_generation.generator import Generator


class GenerationPlugin:
    """What generates, and the form of its settings."""

    def __init__(self, app: AppContext) -> None:
        self.generator = Generator(app)
        self.config = GenerationConfigService(app)
