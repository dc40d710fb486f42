# SPDX-License-Identifier: BSD-3-Clause
"""A picture of ratios: a bar each on a logarithmic scale, a mark where the goal is. SVG text that
reads on light and dark pages."""
import html
import math

WIDTH, LABELS, VALUES, ROW, TOP = 880, 350, 70, 26, 64
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .note, .tick { font-size: 11px; fill: #59636e }
  .bar { fill: #1f6feb } .goal { stroke: #bf3989; stroke-width: 2 } .grid { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note, .tick { fill: #9198a1 }
    .bar { fill: #4493f8 } .goal { stroke: #db61a2 } .grid { stroke: #3d444d }
  }
"""


def bars(title, note, rows):
    """rows: (label, ratio, goal); ratios of at least 1."""
    decades = max(1, math.ceil(math.log10(max(ratio for _, ratio, _ in rows))))
    room = WIDTH - LABELS - VALUES
    height = TOP + ROW * len(rows) + 30

    def x(ratio):
        return LABELS + room * math.log10(max(ratio, 1)) / decades

    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">' % (WIDTH, height, WIDTH, height),
           "<title>%s</title>" % html.escape(title), "<style>%s</style>" % STYLE,
           '<text class="title" x="8" y="22">%s</text>' % html.escape(title),
           '<text class="note" x="8" y="42">%s</text>' % html.escape(note)]
    bottom = TOP + ROW * len(rows)
    for power in range(decades + 1):
        at = x(10 ** power)
        out.append('<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>' % (at, TOP - 6, at, bottom))
        out.append('<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s x</text>' % (at, bottom + 16, format(10 ** power, ",")))
    for i, (label, ratio, goal) in enumerate(rows):
        y = TOP + ROW * i
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LABELS - 8, y + 14, html.escape(label)))
        out.append('<rect class="bar" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>' % (LABELS, y + 2, max(x(ratio) - LABELS, 1), ROW - 9))
        out.append('<line class="goal" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>' % (x(goal), y, x(goal), y + ROW - 5))
        out.append('<text x="%.1f" y="%d">%s x</text>' % (x(max(ratio, goal)) + 6, y + 14, "%.3g" % ratio if ratio < 100 else "%.0f" % ratio))
    return "\n".join(out + ["</svg>", ""])
