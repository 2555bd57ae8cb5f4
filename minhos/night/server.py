"""The Triton that a night publishes into: this home's own process, or one that runs elsewhere (Compose)."""

from __future__ import annotations

from minhos.config import Settings
from minhos.errors import NightError
from minhos.serving.control import TritonControl
from minhos.serving.state import running_server

__all__ = ["control_server", "require_server", "server_url"]


def control_server(settings: Settings) -> TritonControl:
    """A connection that may load models; the caller closes it.

    ``MINHOS_TRITON_KEY`` means that the server runs elsewhere, at ``MINHOS_GRPC_HOST`` and ``MINHOS_GRPC_PORT``.

    Raises:
        NightError: No server of this home runs.
    """
    if settings.triton_key is not None:
        return TritonControl(settings.grpc_url, key=settings.triton_key.get_secret_value())
    state = running_server(settings.home)
    if state is None:
        raise NightError(f"no Triton server of {settings.home} is running: start it with `minhos serve`")
    return TritonControl(state.url, key=state.key())


def require_server(settings: Settings) -> None:
    """Make sure that there is a server to publish into, before hours are spent on training.

    Raises:
        NightError: No server of this home runs, or it does not answer.
    """
    with control_server(settings) as control:
        if not control.server_ready():
            raise NightError(f"Triton at {control.url} does not answer: start it with `minhos serve`, or see its log")


def server_url(settings: Settings) -> str:
    """Where the server that serves this home answers: its state file knows, else the settings say."""
    state = None if settings.triton_key is not None else running_server(settings.home)
    return settings.grpc_url if state is None else state.url
