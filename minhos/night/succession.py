"""May a candidate take the place of what serves, and what does trading lose by it?"""

from __future__ import annotations

from minhos.serving.manifest import Manifest

__all__ = ["what_is_lost", "why_held"]


def why_held(mine: Manifest, serving: Manifest | None, *, force: bool) -> str | None:
    """Why the serving release must stay, in words; None when the candidate may replace it.

    An older night never demotes a newer one of the same instruments and timeframe, and made-up data never replace a
    market's; ``force`` overrides both.
    """
    if serving is None or serving.release == mine.release or force:
        return None
    if mine.facts.get("synthetic") and not serving.facts.get("synthetic"):
        return (
            f"held: {serving.release} knows a real market and serves; synthetic data do not replace it (FORCE=1 would)"
        )
    same = (mine.symbols, mine.timeframe_seconds) == (serving.symbols, serving.timeframe_seconds)
    if same and serving.data_through > mine.data_through:
        return f"held: {serving.release} serves and knows later data than {mine.release} (FORCE=1 would publish it)"
    return None


def what_is_lost(mine: Manifest, serving: Manifest | None) -> tuple[str, ...]:
    """What trading loses by this publication, said loudly."""
    if serving is None or serving.release == mine.release:
        return ()
    lost = sorted(set(serving.symbols) - set(mine.symbols))
    words = [f"NO LONGER SERVED: {', '.join(lost)} ({serving.release} knew them)"] if lost else []
    if serving.edge_proven and not mine.edge_proven:
        words.append(f"{serving.release} was allowed to size, {mine.release} is not: every position goes to 0")
    return tuple(words)
