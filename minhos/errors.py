"""The one error hierarchy: every message says what, where, what was allowed and what to do next."""

__all__ = [
    "BadInputError",
    "ConfigError",
    "InstrumentError",
    "LeakError",
    "MinhosError",
    "NightError",
    "ServingError",
    "SetupError",
]


class MinhosError(Exception):
    """A user can act on it: the command line prints its message in one line, without a stack trace."""


class ConfigError(MinhosError):
    """A setting is unknown or out of range."""


class BadInputError(MinhosError):
    """A file or folder cannot be used as market data."""


class InstrumentError(MinhosError):
    """A symbol has no instrument definition, or the definition is invalid."""


class SetupError(MinhosError):
    """Something that the machine must provide is missing."""


class NightError(MinhosError):
    """A step of the night could not finish."""


class LeakError(NightError):
    """Something has seen what it is judged by: no figure of it may be believed, and nothing of it is published."""


class ServingError(MinhosError):
    """Triton, the model repository or a release is not as it must be."""
