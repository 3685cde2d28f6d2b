"""A model as boxes and arrows: what is drawn, what is given, what follows; no Graphviz needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from xenograft.figures.theme import ARM_COLOURS, INK, SOFT, THEME, WIDE


def model_edges(model: Any) -> dict[str, list[str]]:
    """What each named variable of a PyMC model is made from.

    Parameters
    ----------
    model : pymc.Model
        From `build`, or one that was extended.

    Returns
    -------
    dict of str to list of str
        By variable: the named variables that it depends on directly, in the model's order.
    """
    named = {variable: str(name) for name, variable in model.named_vars.items()}
    found: dict[str, list[str]] = {}
    for variable, name in named.items():
        parents: set[str] = set()
        seen, waiting = {variable}, list(_inputs(variable))
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            if one in named:
                parents.add(named[one])
            else:
                waiting.extend(_inputs(one))
        found[name] = [other for other in named.values() if other in parents]
    return found


@mpl.rc_context(THEME)
def draw_graph(model: Any, *, width: float = WIDE) -> Figure:
    """Draw a PyMC model in rows: what it starts from above, the observed readings at the bottom.

    Parameters
    ----------
    model : pymc.Model
        As in `model_edges`. Data are left out, for they touch everything.
    width : float
        Inches.
    """
    observed = {variable.name for variable in model.observed_RVs}
    drawn = {variable.name for variable in model.basic_RVs}
    edges = {n: p for n, p in model_edges(model).items() if n in drawn or n in {d.name for d in model.deterministics}}
    edges = {name: [p for p in parents if p in edges] for name, parents in edges.items()}
    rows = _rows(edges)
    lines = [row[i : i + 6] for row in rows for i in range(0, len(row), 6)]
    places = {n: ((i + 0.5) / len(line), -float(k)) for k, line in enumerate(lines) for i, n in enumerate(line)}
    figure = Figure(figsize=(width, 1.0 * len(lines) + 0.3), layout="constrained")
    axis = figure.subplots()
    written = _written(model)
    for name, parents in edges.items():
        for parent in parents:
            axis.annotate(
                "", xy=_edge_of(places[name], 0.27), xytext=_edge_of(places[parent], -0.27),
                arrowprops={"arrowstyle": "-|>", "color": SOFT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
    for name, (x, y) in places.items():
        colour = ARM_COLOURS[0] if name in observed else ARM_COLOURS[1] if name in drawn else SOFT
        box = FancyBboxPatch(
            (x - 0.073, y - 0.25), 0.146, 0.5, boxstyle="round,pad=0,rounding_size=0.02", facecolor="white",
            edgecolor=colour, linewidth=1.3, zorder=3,
        )  # fmt: skip
        axis.add_patch(box)
        axis.text(x, y + 0.13, name, ha="center", va="center", fontsize=8, color=INK, zorder=4, fontweight="bold")
        said = "\n".join(filter(None, (written.get(name), _shape(model, name))))
        axis.text(x, y - 0.09, said, ha="center", va="center", fontsize=6.5, color=SOFT, zorder=4, linespacing=1.3)
    axis.set(xlim=(0, 1), ylim=(-len(lines) + 0.6, 0.4))
    axis.axis("off")
    return figure


def _inputs(variable: Any) -> Sequence[Any]:
    return variable.owner.inputs if variable.owner is not None else ()


def _rows(edges: dict[str, list[str]]) -> list[list[str]]:
    """Variables by the length of the longest way to them."""
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((depth_of(parent) for parent in edges[name]), default=-1)
        return depth[name]

    for name in edges:
        depth_of(name)
    return [[name for name in edges if depth[name] == level] for level in range(max(depth.values()) + 1)]


def _edge_of(place: tuple[float, float], up: float) -> tuple[float, float]:
    return place[0], place[1] + up


def _written(model: Any) -> dict[str, str]:
    """Distributions with their numbers as PyMC prints them, where they fit into a box."""
    lines = (line.strip().partition(" ~ ") for line in model.str_repr().splitlines())
    return {name.strip(): said for name, _, said in lines if said and len(said) <= 24}


def _shape(model: Any, name: str) -> str:
    dims = model.named_vars_to_dims.get(name) or ()
    return " × ".join(f"{len(model.coords[d])} {d}s" if model.coords.get(d) else str(d) for d in dims)
