"""The style of a bench's page: the look of the evaluation's report; bright, dark and printed. [any]"""

_BRIGHT = """\
    --page: #ffffff; --ink: #1c2024; --quiet: #5b6370; --rule: #d9dde3; --met: #17703a; --missed: #b3261e;
    --bar: #1667b7; --bar2: #7fb0e0; --fixed: #aab4c0; --step: #8a5cc2; --good: #d7e8f7; --near: #f2c36b;
"""
_DARK = """\
    --page: #14171b; --ink: #e6e9ed; --quiet: #9aa3af; --rule: #323841; --met: #6fcf97; --missed: #ff8a80;
    --bar: #6cb2f5; --bar2: #3f78ad; --fixed: #59636f; --step: #b794f6; --good: #24405c; --near: #c9973a;
"""

STYLE = f"""\
:root {{
    color-scheme: light dark;
{_BRIGHT}}}
@media (prefers-color-scheme: dark) {{ :root {{
{_DARK}}} }}
@media print {{ :root {{
{_BRIGHT}}} }}
* {{ box-sizing: border-box; }}
body {{
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}}
main {{ max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 0.4rem; }}
h2 {{ font-size: 1.3rem; margin: 3rem 0 0.6rem; }}
.summary {{ font-size: 1.1rem; margin: 0; }}
.note {{ color: var(--quiet); margin: 0.4rem 0; max-width: 46rem; }}
code {{ font: 0.85em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }}
.took {{ color: var(--quiet); font-weight: 400; font-size: 0.85rem; margin-left: 0.5rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
.wide {{ overflow-x: auto; }}
.figures {{ width: 100%; }}
.figures th, .figures td {{
  text-align: left; padding: 0.24rem 0.55rem; border-bottom: 1px solid var(--rule); white-space: nowrap;
}}
.figures thead th {{ color: var(--quiet); font-weight: 500; }}
.figures th.number, .figures td.number {{ text-align: right; }}
.figures tr:not(.inner) td:first-child {{ font-weight: 600; }}
.figures tr.inner td:first-child {{ padding-left: 1.6rem; }}
.figures.words td {{ white-space: normal; vertical-align: top; overflow-wrap: anywhere; }}
.remark {{ color: var(--quiet); font-size: 0.85rem; line-height: 1.2; }}
.met {{ color: var(--met); }}
.missed {{ color: var(--missed); font-weight: 600; }}
figure {{ margin: 0; overflow-x: auto; }}
svg {{ display: block; width: 100%; min-width: 40rem; height: auto; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }}
svg text {{ fill: var(--quiet); font: 12px system-ui, "DejaVu Sans", sans-serif; }}
svg text.text {{ fill: var(--ink); }}
svg text.deadline {{ fill: var(--missed); }}
svg .stroke {{ fill: none; stroke-width: 1.6; stroke-linejoin: round; }}
svg .stroke.grid {{ stroke: var(--rule); stroke-width: 1; }}
svg .stroke.line {{ stroke: var(--bar); }}
svg .stroke.quiet {{ stroke: var(--quiet); stroke-dasharray: 3 3; stroke-width: 1; }}
svg .stroke.step {{ stroke: var(--step); }}
svg .stroke.deadline {{ stroke: var(--missed); }}
svg .fill.bar {{ fill: var(--bar); }}
svg .fill.bar2 {{ fill: var(--bar2); }}
svg .fill.fixed {{ fill: var(--fixed); }}
svg .fill.good {{ fill: var(--good); }}
svg .fill.near {{ fill: var(--near); }}
svg .fill.miss {{ fill: var(--missed); }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; margin: 0.8rem 0 0; }}
dt {{ color: var(--quiet); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
@media print {{
  body {{ font-size: 9pt; }}
  main {{ max-width: none; padding: 0; }}
  .chart, tr, dl {{ break-inside: avoid; }}
  h2, .note {{ break-after: avoid; }}
  .figures th, .figures td {{ padding: 0.1rem 0.3rem; }}
  .wide, figure {{ overflow: visible; }}
  .figures th, .figures td {{ white-space: normal; }}
  svg {{ min-width: 0; }}
}}
"""
