"""What is set while the house runs: one value for each name, the same on every instance.

What the operator sets in the environment or in portico.toml is not kept here, and beats what is.
"""

from portico.configuration.adjustments import PINNED, Adjusted, Adjustments
from portico.configuration.configuration import Configuration, ConfigurationChanged
from portico.configuration.tables import TABLES

__all__ = [
    "TABLES",
    "Adjusted",
    "PINNED",
    "Adjustments",
    "Configuration",
    "ConfigurationChanged",
]
