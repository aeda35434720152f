"""The report's stylesheet and its one small script."""

from __future__ import annotations

from typing import Final

REPORT_CSS: Final = """
:root{color-scheme:light dark;--ink:#1c2024;--page:#f5f6f7;--paper:#fff;--line:#d7dbdf;
--link:#0a5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7ea;--page:#121416;--paper:#1a1d20;
--line:#383d42;--link:#7db8f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 48px}
h1{font-size:28px;line-height:1.2;margin:0 0 18px;overflow-wrap:anywhere}
h2{font-size:20px;line-height:1.3;margin:0 0 12px;overflow-wrap:anywhere}
h3{font-size:15px;margin:22px 0 6px}
a{color:var(--link)}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;
padding:20px 22px;margin:0 0 22px}
section>.tkb-card.tkb-card{max-width:none}
.note{opacity:.78;font-size:13.5px;margin:0 0 10px}
td .note{margin:0}
.wide{overflow-x:auto}
.plot{overflow-x:auto}.plot>div{min-width:600px}.plot.slim>div{min-width:0}
table.pinned :is(th,td):first-child{position:sticky;left:0;
background:var(--paper);z-index:1}
section table.pinned:not(.tkb-table) th{opacity:1;
color:color-mix(in srgb,var(--ink) 78%,var(--paper))}
.said{min-width:130px}
.wide+.wide,.plot+.wide{margin-top:16px}.plot+.note{margin-top:8px}
.narrow{max-width:640px}
section table:not(.tkb-table){border-collapse:collapse;width:100%;font-size:13.5px}
section table:not(.tkb-table) :is(th,td){text-align:left;vertical-align:top;
padding:6px 14px 6px 0;border-bottom:1px solid var(--line)}
section table:not(.tkb-table) th{font-size:12.5px;opacity:.78;font-weight:600}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:12.5px}
.num{font-variant-numeric:tabular-nums;white-space:nowrap}
.state{font-weight:700;white-space:nowrap}
.state.ok{color:#00734f}.state.degraded{color:#8f5b00}.state.none{color:#b3261e}
@media (prefers-color-scheme:dark){.state.ok{color:#4cc79b}.state.degraded{color:#e0a93e}
.state.none{color:#f2837a}}
tr.chosen td:first-child{font-weight:700}
dl{margin:0;display:grid;grid-template-columns:170px 1fr;gap:6px 16px}
dt{font-weight:650}dd{margin:0}
@media (max-width:720px){main{padding:16px 10px 32px}section{padding:14px 12px}
dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 8px}
table.stack thead{display:none}table.stack tr{display:block;padding:8px 0;
border-bottom:1px solid var(--line)}
section table.stack:not(.tkb-table) td{display:grid;align-items:baseline;
grid-template-columns:110px 1fr;gap:8px;
border:0;padding:2px 0}
table.stack td::before{content:attr(data-label);opacity:.78;font-size:12.5px}}
@media print{:root{--ink:#000;--page:#fff;--paper:#fff;--line:#bbb}
body{font-size:12px}main{max-width:none;padding:0}
section{border:0;padding:0;break-inside:auto}.tkb-card,.plot,tr{break-inside:avoid}
.wide,.plot{overflow:visible}}
"""

# Plotly does not inherit colours: the figures take the page's ink, and dark ink on paper.
FIGURE_SCRIPT: Final = """
(function(){
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function ink(colour){
    document.querySelectorAll(".plotly-graph-div").forEach(function(div){
      Plotly.relayout(div, {"font.color": colour});
    });
  }
  function follow(){ ink(getComputedStyle(document.body).color); }
  follow();
  dark.addEventListener("change", follow);
  window.addEventListener("beforeprint", function(){ ink("#222"); });
  window.addEventListener("afterprint", follow);
})();
"""
