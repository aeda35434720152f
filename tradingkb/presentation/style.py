"""The card's stylesheet.

Notebook front ends bring light and dark themes and their own table rules. Text therefore takes
its colour from the page (`currentColor`), lines and fills are translucent greys, and the badges
carry a background dark enough for white letters on either. Selectors repeat the class, so that
they outweigh JupyterLab's `.jp-RenderedHTMLCommon` rules.
"""

from __future__ import annotations

from typing import Final

CARD_CSS: Final = """
.tkb-card.tkb-card{--tkb-line:rgba(128,128,128,.32);--tkb-fill:rgba(128,128,128,.09);
--tkb-status:#00734f;box-sizing:border-box;max-width:860px;margin:4px 0;padding:16px 20px;
border:1px solid var(--tkb-line);border-left:6px solid var(--tkb-status);border-radius:8px;
container-type:inline-size;color:inherit;
font:14px/1.5 var(--jp-ui-font-family,var(--vscode-font-family,system-ui)),
-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;overflow-wrap:anywhere}
.tkb-card.tkb-degraded{--tkb-status:#8f5b00}
.tkb-card.tkb-none{--tkb-status:#b3261e}
.tkb-card *{box-sizing:border-box}
.tkb-card .tkb-head{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px}
.tkb-card .tkb-badge{background:var(--tkb-status);color:#fff;border-radius:4px;padding:2px 10px;
font-weight:700;letter-spacing:.04em;white-space:nowrap}
.tkb-card .tkb-name{font-size:18px;font-weight:650}
.tkb-card .tkb-faint{opacity:.76}
.tkb-card .tkb-small{font-size:12.5px}
.tkb-card .tkb-context{margin-top:4px}
.tkb-card .tkb-context span{white-space:nowrap}
.tkb-card .tkb-label{font-size:12px;font-weight:600;opacity:.76;margin:0 0 2px}
.tkb-card .tkb-params{margin:14px 0;padding:10px 14px;background:var(--tkb-fill);border-radius:6px}
.tkb-card .tkb-code,.tkb-card code{font-family:var(--jp-code-font-family,
var(--vscode-editor-font-family,ui-monospace)),SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",
monospace;color:inherit;background:none;padding:0;border:0;font-size:13px}
.tkb-card .tkb-params .tkb-code{font-size:17px;font-weight:600;display:block}
.tkb-card .tkb-nobreak{white-space:nowrap}
.tkb-card .tkb-facts{display:grid;grid-template-columns:1fr 1fr;
gap:12px 20px;margin:0 0 14px}
.tkb-card .tkb-value{font-size:21px;line-height:1.25;font-weight:650;white-space:nowrap;
font-variant-numeric:tabular-nums}
.tkb-card .tkb-section{border-top:1px solid var(--tkb-line);padding-top:10px;margin-top:12px}
.tkb-card .tkb-table.tkb-table{width:100%;max-width:none;border-collapse:collapse;margin:0;
table-layout:auto;font-size:13px;color:inherit;border:0;background:none}
.tkb-card .tkb-table.tkb-table tr:nth-child(n){background:none}
.tkb-card .tkb-table.tkb-table th,.tkb-card .tkb-table.tkb-table td{text-align:left;
vertical-align:top;padding:5px 14px 5px 0;border:0;border-bottom:1px solid var(--tkb-line);
color:inherit;background:none;white-space:normal;max-width:none;line-height:1.4}
.tkb-card .tkb-table.tkb-table th{font-size:12px;font-weight:600;opacity:.76;
white-space:nowrap;overflow-wrap:normal}
.tkb-card .tkb-table.tkb-table tr:last-child td{border-bottom:0}
.tkb-card .tkb-table.tkb-table td:last-child,.tkb-card .tkb-table.tkb-table th:last-child
{padding-right:0}
.tkb-card .tkb-num{font-variant-numeric:tabular-nums;white-space:nowrap}
.tkb-card .tkb-first{font-weight:650}
.tkb-card svg{display:block;overflow:visible}
.tkb-card .tkb-tags{display:flex;flex-wrap:wrap;gap:4px 6px;align-items:center}
.tkb-card .tkb-tag{border:1px solid currentColor;border-radius:12px;padding:0 9px;font-size:13px}
.tkb-card .tkb-stated .tkb-tag{border-style:dashed}
.tkb-card .tkb-claim{font-weight:700}
.tkb-card ul.tkb-list{margin:2px 0 0;padding:0 0 0 18px}
.tkb-card ul.tkb-list li{margin:2px 0;padding:0}
.tkb-card details{margin-top:10px}
.tkb-card summary{cursor:pointer;font-size:12.5px;opacity:.85}
.tkb-card .tkb-foot{margin-top:10px}
@container (min-width:720px){.tkb-card .tkb-facts{grid-template-columns:repeat(4,auto)}}
@container (min-width:720px){.tkb-card .tkb-facts .tkb-note{white-space:nowrap}}
@container (max-width:460px){.tkb-card .tkb-facts{gap:10px 12px}.tkb-card .tkb-value{font-size:17px}
.tkb-card .tkb-num.tkb-num{white-space:normal}
.tkb-card .tkb-table.tkb-table :is(th,td):nth-child(n){white-space:normal;padding-right:8px}}
@media (max-width:600px){.tkb-card.tkb-card{padding:12px}
.tkb-card .tkb-plot.tkb-plot,.tkb-card th:nth-child(3).tkb-plot{display:none}}
"""
