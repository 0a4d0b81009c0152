"""The style of a page with tables, curves and cards, for light and dark screens, wide and narrow ones."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #56565c; --paper: #fff; --line: #d9d9de; --box: #f4f5f8;
  --fill: #2166ac; --warm: #b84a00; --for: rgba(230, 97, 1, .5); --against: rgba(33, 102, 172, .42); --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --soft: #adadb5; --paper: #16171a; --line: #3a3b40; --box: #212328;
    --fill: #6aa9e0; --warm: #ff9a4d; --for: rgba(230, 97, 1, .55); --against: rgba(70, 140, 215, .5); --bad: #ff8a80 }
  .maps td { filter: brightness(1.9) }
}
body { max-width: 820px; margin: 0 auto; padding: 24px 16px 64px; font: 17px/1.6 system-ui, sans-serif }
body { color: var(--ink); background: var(--paper) }
h1 { font-size: 1.9em; line-height: 1.2; margin: .4em 0 .2em }
h2 { font-size: 1.35em; line-height: 1.3; margin: 2.4em 0 .3em }
h3 { font-size: 1.05em; margin: 1.6em 0 .2em }
p { margin: .5em 0 }
.soft, figcaption, .note, .key { color: var(--soft); font-size: .88em }
.bad { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 1.2em 0 }
.tiles div { background: var(--box); border-radius: 10px; padding: 10px 14px }
.tiles dt { color: var(--soft); font-size: .8em; line-height: 1.3 }
.tiles dd { margin: 0; font-size: 1.5em; font-weight: 650; line-height: 1.3 }
table { border-collapse: collapse; font-size: .9em; margin: .6em 0 }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top }
tbody th { font-weight: 400 }
thead th { vertical-align: bottom; line-height: 1.3 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
td.lean { text-align: right; font-variant-numeric: tabular-nums; padding: 3px 6px; background-repeat: no-repeat;
  background-size: 100% 70%; background-position: center; border-left: 6px solid transparent; background-clip: padding-box }
tr.total th, tr.total td { font-weight: 650; border-top: 2px solid var(--ink) }
.wide { overflow-x: auto }
details .wide { max-height: 560px }
.words { width: 100%; table-layout: fixed }
.words thead th { text-align: right; padding-right: 6px }
.words thead th:first-child { text-align: left; width: 22% }
.words th { overflow-wrap: anywhere; padding-right: 6px }
.ledger { width: 100% }
.ledger td.lean { width: 34% }
.ledger td.soft { padding-left: 12px }
.bars { width: 100% }
.bars th { width: 7em }
.bars td.bar { width: 65%; vertical-align: middle }
.bars td.bar div { background: var(--fill); height: 14px; border-radius: 3px }
figure { margin: 0 }
svg { width: 100%; height: auto; display: block }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft) }
svg .grid { stroke: var(--line); fill: none }
svg polyline { fill: none; stroke: var(--fill) }
svg .each { opacity: .35 }
svg .mean { stroke-width: 2.5 }
svg .between { stroke: var(--warm); stroke-dasharray: 2 4 }
svg .held { fill: var(--warm) }
svg .level { stroke: var(--soft); stroke-dasharray: 6 4 }
svg .limit { stroke: var(--bad); stroke-width: 2 }
svg .check { fill: var(--fill); opacity: .55 }
.key span { display: inline-block; width: 22px; height: 3px; background: var(--fill); margin: 0 6px 4px 0 }
.key span.held { width: 9px; height: 9px; border-radius: 5px; background: var(--warm); margin: 0 6px 0 14px }
.scale { display: flex; white-space: nowrap; align-items: center; gap: 8px; font-size: .82em; color: var(--soft) }
.scale i { flex: 0 1 220px; height: 10px; border-radius: 5px;
  background: linear-gradient(90deg, rgba(33, 102, 172, .75), transparent, rgba(230, 97, 1, .75)) }
.card { border: 1px solid var(--line); border-radius: 10px; padding: 8px 16px 12px; margin: 12px 0 }
.card h3 { margin: 0 }
pre, .said { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--box); padding: 10px 14px; border-radius: 8px }
pre { font: 14px/1.5 ui-monospace, monospace; margin: .3em 0 }
.said u { text-decoration: underline 2px var(--warm); text-underline-offset: 4px }
details { margin: .6em 0 }
summary { cursor: pointer }
@media (max-width: 500px) { body { font-size: 16px } svg text { font-size: 15px }
  .words { font-size: .78em } .words thead th:first-child { width: 27% } }
"""
