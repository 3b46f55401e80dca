"""The style of a report's page: light, dark and printed. [any]"""

STYLE = """\
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1c2024; --quiet: #5b6370; --rule: #d9dde3; --stripe: #f4f6f8;
  --line: #1667b7; --band: rgba(22, 103, 183, 0.13); --met: #17703a; --missed: #b3261e;
  --up: 38, 118, 201; --down: 214, 106, 22;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --ink: #e6e9ed; --quiet: #9aa3af; --rule: #323841; --stripe: #1b1f25;
    --line: #6cb2f5; --band: rgba(108, 178, 245, 0.16); --met: #6fcf97; --missed: #ff8a80;
    --up: 64, 140, 220; --down: 216, 116, 40;
  }
}
@media print {
  :root {
    --page: #ffffff; --ink: #000000; --quiet: #444444; --rule: #bbbbbb; --stripe: #ffffff;
    --line: #1667b7; --band: rgba(22, 103, 183, 0.13); --met: #17703a; --missed: #b3261e;
    --up: 38, 118, 201; --down: 214, 106, 22;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 0.4rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.8rem 0 0.4rem; }
h3::first-letter { text-transform: uppercase; }
.summary { font-size: 1.1rem; margin: 0; }
.note { color: var(--quiet); margin: 0.4rem 0; max-width: 46rem; }
code { font: 0.85em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--ink); }
details ul { margin: 0.2rem 0; padding-left: 1.2rem; columns: 22rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.figures { width: 100%; }
.figures th, .figures td { text-align: left; padding: 0.28rem 0.6rem; border-bottom: 1px solid var(--rule); }
.figures thead th { color: var(--quiet); font-weight: 500; }
.figures .part th { padding-top: 1.3rem; border-bottom: 2px solid var(--rule); }
.figures .part th::first-letter { text-transform: uppercase; }
.figures .number, .figures .number + td { white-space: nowrap; }
.figures th.number, .figures td.number { text-align: right; }
.took { color: var(--quiet); font-weight: 400; font-size: 0.85rem; margin-left: 0.5rem; }
.missing td { color: var(--quiet); font-style: italic; }
.met { color: var(--met); }
.missed { color: var(--missed); font-weight: 600; }
.wide { overflow-x: auto; }
.effects th, .effects td {
  padding: 0.4rem 0.6rem; text-align: center; border: 2px solid var(--page); font-weight: 500;
}
.effects th[scope="row"] { text-align: right; }
.effects td[style] { min-width: 4.2rem; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.effects .up { background: rgba(var(--up), calc(0.08 + 0.5 * var(--share))); }
.effects .down { background: rgba(var(--down), calc(0.08 + 0.5 * var(--share))); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0.8rem 1.5rem; }
figure { margin: 0; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-size: 0.9rem; margin-bottom: 0.2rem; }
figcaption a { color: var(--quiet); }
img { display: block; width: 100%; height: auto; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
audio { display: block; width: 100%; height: 2.4rem; margin-top: 0.3rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font: 12px system-ui, "DejaVu Sans", sans-serif; }
svg .title { fill: var(--ink); font-size: 13px; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .band { fill: var(--band); }
svg .line { fill: none; stroke: var(--line); stroke-width: 2; stroke-linejoin: round; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
@media print {
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  audio { display: none; }
  article, figure, .effects, tr, dl { break-inside: avoid; }
  h2, h3, .note, .part { break-after: avoid; }
  .pair { grid-template-columns: 1fr 1fr; }
}
"""
