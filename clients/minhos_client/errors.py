"""What can go wrong on the way to a decision: one small tree, so that trading code catches ``TradeClientError``."""

__all__ = [
    "BadRequest",
    "ContractMismatch",
    "DeadlineExceeded",
    "DecisionLogError",
    "NotServing",
    "ServerUnavailable",
    "TradeClientError",
]


class TradeClientError(Exception):
    """There is no decision; the message says why and what to do."""


class ServerUnavailable(TradeClientError):  # noqa: N818 - the names say what happened
    """Nobody answers at the address."""


class NotServing(TradeClientError):  # noqa: N818
    """The server answers, but it serves no release under the name asked for."""


class DeadlineExceeded(TradeClientError):  # noqa: N818
    """The answer did not come in time; one that comes later is thrown away."""


class ContractMismatch(TradeClientError):  # noqa: N818
    """The server speaks another version of the contract."""


class BadRequest(TradeClientError):  # noqa: N818
    """The tensors are malformed: a wrong shape or type, or a missing one."""


class DecisionLogError(TradeClientError):
    """The decision log cannot be opened, or an entry is not in it."""
