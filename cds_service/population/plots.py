"""Plots of the report, drawn by matplotlib (extra `screen`) as SVG inside the page."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cds_service.errors import SetupError
from cds_service.population.figures import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = 9.0
_MOST = 20
_COLOR, _RANGE = "#c2543d", "#1b1b1b"


def draw_rates(lines: Sequence[Line], *, upright: bool = False) -> str | None:
    """Rates with their intervals as a data URL; None where there is nothing large enough to draw.

    Raises:
        SetupError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise SetupError("the report needs matplotlib for its plots: pip install 'ir-cds-service[screen]'") from None
    drawn = [line for line in lines if not line.is_small and line.rate.value is not None][:_MOST]
    if not drawn:
        return None
    height = 3.5 if upright else 1.0 + 0.35 * len(drawn)
    figure = Figure(figsize=(_INCHES, height), layout="constrained")
    _draw(figure.subplots(), drawn, upright=upright)
    image = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text as text, which can be searched and read aloud
        figure.savefig(image, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(image.getvalue()).decode()}"


def _draw(axes: Axes, lines: Sequence[Line], *, upright: bool) -> None:
    names = [line.name for line in lines]
    values = [100 * (line.rate.value or 0) for line in lines]
    below = [value - 100 * (line.rate.low or 0) for value, line in zip(values, lines, strict=True)]
    above = [100 * (line.rate.high or 0) - value for value, line in zip(values, lines, strict=True)]
    if upright:
        axes.errorbar(names, values, yerr=[below, above], fmt="o", color=_COLOR, ecolor=_RANGE, capsize=3)
        axes.tick_params(axis="x", rotation=60)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("per 100 orders")
        return
    axes.barh(names, values, xerr=[below, above], color=_COLOR, ecolor=_RANGE, capsize=3)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("per 100 orders, with 95 % interval")
