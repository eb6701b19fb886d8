"""The figure: each scenario's rate of wrong decisions with its interval, against what is allowed. Plain SVG."""

from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape

from unlearn_audit.presentation.figures.drawing import frame_svg
from unlearn_audit.selftest.result import Rate, SelfTest

_ROW, _TOP, _LEFT, _PLOT, _RIGHT = 18, 64, 270, 500, 20
_RED, _BLUE, _GREY = "#b3261e", "#1f5f99", "#5f6368"
_STEPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)


def draw_rates(result: SelfTest) -> str:
    """Return the figure as SVG; the same result gives the same bytes."""
    rows = _list_rows(result)
    highest = max([_STEPS[-1], *(rate.ends[1] for *_, rate in rows)])
    width, height = _LEFT + _PLOT + _RIGHT, _TOP + _ROW * len(rows) + 40

    def place(share: float) -> float:
        return round(_LEFT + _PLOT * share / highest, 2)

    parts = [
        f'<text x="12" y="22" font-size="14">Wrong decisions, {result.repeats} repeats each, 95 % intervals</text>',
        f'<text x="12" y="42" fill="{_RED}">● false pass</text><text x="110" y="42" fill="{_BLUE}">■ false fail</text>',
        *_draw_axis(place, height, 1 - result.confidence),
    ]
    for index, (name, word, rate) in enumerate(rows):
        parts += _draw_row(name, word, [place(share) for share in (rate.value, *rate.ends)], _TOP + _ROW * index + 12)
    title = f"Wrong decisions in {result.repeats} repeats of each scenario, with 95 % intervals"
    return frame_svg(width, height, title, parts, size=12)


def _list_rows(result: SelfTest) -> list[tuple[str, str, Rate]]:
    rows = [
        (trials.name, word, rate)
        for trials in result.scenarios
        for word, rate in (("pass", trials.false_pass), ("fail", trials.false_fail))
        if rate is not None
    ]
    return [*sorted(rows, key=lambda row: row[1], reverse=True), ("tampered-report", "pass", result.tampering.accepted)]


def _draw_axis(place: Callable[[float], float], height: int, allowed: float) -> Iterator[str]:
    foot = height - 30
    for step in _STEPS:
        x = place(step)
        yield f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{foot}" stroke="#e3e3e3"/>'
        yield f'<text x="{x}" y="{foot + 16}" text-anchor="middle" fill="{_GREY}">{step:.2f}</text>'
    x = place(allowed)
    yield f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{foot}" stroke="{_GREY}" stroke-dasharray="5 3"/>'
    yield f'<text x="{x}" y="{_TOP - 10}" text-anchor="middle" fill="{_GREY}">allowed</text>'


def _draw_row(name: str, word: str, places: list[float], y: int) -> Iterator[str]:
    value, low, high = places
    colour = _RED if word == "pass" else _BLUE
    yield f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
    yield f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
    if word == "pass":
        yield f'<circle cx="{value}" cy="{y}" r="4" fill="{colour}"/>'
    else:
        yield f'<rect x="{value - 4}" y="{y - 4}" width="8" height="8" fill="{colour}"/>'
