#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the losses of two runs, and below them the second minus the first, as an SVG that reads on light and dark pages.

    python3 trainer/plot_losses.py out.svg float32=runs/fp32/events.jsonl bfloat16=runs/bf16/events.jsonl
"""
import json
import math
import sys

WIDTH, LEFT, RIGHT = 760, 62, 14
TOP, HEIGHT, GAP, LOWER = 34, 230, 40, 110  # of the two panels

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333; }
.axis { stroke: #8888; stroke-width: 1; }
.first { stroke: #0969da; } .second { stroke: #cf222e; stroke-dasharray: 5 3; } .difference { stroke: #6e7781; }
path { fill: none; stroke-width: 1.8; }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc; } .first { stroke: #58a6ff; } .second { stroke: #ff7b72; } .difference { stroke: #9da5af; }
}
"""


def losses(path):
    """step -> loss of the surviving lineage."""
    curve = {}
    with open(path) as lines:
        for event in map(json.loads, lines):
            if event["event"] == "attempt":
                curve = {step: loss for step, loss in curve.items() if step <= event["from_step"]}
            if event["event"] == "step":
                curve[event["step"]] = event["loss"]
    return curve


def ticks(low, high, count=5):
    """Round numbers between low and high."""
    raw = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


class Panel:
    def __init__(self, top, height, steps, low, high):
        self.top, self.height, self.steps, self.low, self.high = top, height, steps, low, high

    def x(self, step):
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - self.steps[0]) / (self.steps[-1] - self.steps[0])

    def y(self, value):
        return self.top + self.height * (self.high - value) / (self.high - self.low)

    def axes(self, name):
        out = []
        for value in ticks(self.low, self.high):
            y = self.y(value)
            out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke-opacity="0.4"/>')
            out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        out.append(f'<text x="{LEFT}" y="{self.top - 10}">{name}</text>')
        return out

    def line(self, curve, style):
        points = " L".join(f"{self.x(step):.1f},{self.y(curve[step]):.1f}" for step in self.steps)
        return f'<path class="{style}" d="M{points}"/>'


def draw(names, curves):
    steps = sorted(set(curves[0]) & set(curves[1]))
    values = [curve[step] for curve in curves for step in steps]
    difference = {step: curves[1][step] - curves[0][step] for step in steps}
    reach = 1.1 * max(map(abs, difference.values())) or 1e-9
    upper = Panel(TOP, HEIGHT, steps, min(values) - 0.05, max(values) + 0.05)
    lower = Panel(TOP + HEIGHT + GAP, LOWER, steps, -reach, reach)
    bottom = lower.top + LOWER
    body = upper.axes("loss") + [upper.line(curves[0], "first"), upper.line(curves[1], "second")]
    for row, (name, style) in enumerate(zip(names, ("first", "second"))):
        y = TOP + 16 + 20 * row
        body += [f'<path class="{style}" d="M{WIDTH - 170},{y} h34"/>', f'<text x="{WIDTH - 128}" y="{y + 4}">{name}</text>']
    body += lower.axes(f"{names[1]} minus {names[0]}") + [lower.line(difference, "difference")]
    body += [f'<text x="{lower.x(step):.1f}" y="{bottom + 20}" text-anchor="middle">{step:g}</text>' for step in ticks(steps[0], steps[-1])]
    body.append(f'<text x="{WIDTH - RIGHT}" y="{bottom + 38}" text-anchor="end">step</text>')
    size = f'width="{WIDTH}" height="{bottom + 48}" viewBox="0 0 {WIDTH} {bottom + 48}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{STYLE}</style>", *body, "</svg>", ""])


def main():
    if len(sys.argv) != 4 or not all("=" in argument for argument in sys.argv[2:]):
        sys.exit("usage: plot_losses.py OUT.svg NAME=events.jsonl NAME=events.jsonl")
    names, paths = zip(*(argument.split("=", 1) for argument in sys.argv[2:]))
    with open(sys.argv[1], "w") as out:
        out.write(draw(names, [losses(path) for path in paths]))


main()
