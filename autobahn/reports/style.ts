/** How the pages look: one style sheet, that is part of each page. */

import type { Tone } from "./verdict.ts";

/** A background and what is written on it. */
interface Colours {
  readonly background: string;
  readonly text: string;
}

/** The colours of one scheme. Each text has a contrast of 4.5:1 or more. */
export interface Palette {
  readonly page: Colours;
  /** Tables, heads and code. */
  readonly panel: Colours;
  /** Secondary text, on page and panel. */
  readonly quiet: string;
  /** Links, on page and panel. */
  readonly link: string;
  readonly line: string;
  /** Frames and octets that this suite has received, and transmitted. */
  readonly received: Colours;
  readonly transmitted: Colours;
  readonly verdicts: Readonly<Record<Tone, Colours>>;
}

export const light: Palette = {
  page: { background: "#ffffff", text: "#16222b" },
  panel: { background: "#f3f6f8", text: "#16222b" },
  quiet: "#4f606d",
  link: "#075e7c",
  line: "#d3dce2",
  received: { background: "#e6f4f1", text: "#0a5549" },
  transmitted: { background: "#eceffb", text: "#35439a" },
  verdicts: {
    passed: { background: "#dff3e4", text: "#12592c" },
    information: { background: "#dfeefb", text: "#0d4b80" },
    lenient: { background: "#fcefcb", text: "#6b4700" },
    unimplemented: { background: "#ece6f7", text: "#53358a" },
    failed: { background: "#fde2e0", text: "#98171c" },
  },
};

export const dark: Palette = {
  page: { background: "#10171c", text: "#e3eaef" },
  panel: { background: "#182229", text: "#e3eaef" },
  quiet: "#9db0bd",
  link: "#72c8e8",
  line: "#31404a",
  received: { background: "#11302c", text: "#82d8c8" },
  transmitted: { background: "#1e2647", text: "#b3befa" },
  verdicts: {
    passed: { background: "#13351f", text: "#86dda3" },
    information: { background: "#112f49", text: "#94c9fb" },
    lenient: { background: "#3a2c08", text: "#f2cb70" },
    unimplemented: { background: "#2d2147", text: "#cab4f8" },
    failed: { background: "#451a1b", text: "#ffaca6" },
  },
};

function variables(palette: Palette): string {
  const colours: [string, string | Colours][] = [
    ["page", palette.page],
    ["panel", palette.panel],
    ["quiet", palette.quiet],
    ["link", palette.link],
    ["line", palette.line],
    ["rx", palette.received],
    ["tx", palette.transmitted],
    ...Object.entries(palette.verdicts),
  ];
  return colours.map(([name, colour]) =>
    typeof colour === "string"
      ? `--${name}:${colour};`
      : `--${name}:${colour.text};--${name}-on:${colour.background};`
  ).join("");
}

/** How wide a page gets, in rem. */
export const widestPage = 94;

const common = `
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1rem clamp(.8rem,3vw,2.5rem) 4rem;max-width:${widestPage}rem;
background:var(--page-on);color:var(--page);font:16px/1.5 system-ui,sans-serif}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,input:focus-visible,.scroll:focus-visible
{outline:2px solid var(--link);outline-offset:2px}
h1{font-size:1.65rem;line-height:1.2;margin:.6rem 0 .3rem}
h2{font-size:1.2rem;line-height:1.3;margin:2.2rem 0 .7rem}
h3{font-size:1rem;margin:1.2rem 0 .4rem}
p{margin:.3rem 0;max-width:75ch;overflow-wrap:anywhere}
header p{max-width:none}
code,pre,.octets{font-family:ui-monospace,Consolas,"DejaVu Sans Mono",monospace;
font-size:.86em}
.quiet{color:var(--quiet)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:0 0 .35rem}
th,td{padding:.28rem .65rem;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}
thead th{background:var(--panel-on);vertical-align:bottom}
tbody th{font-weight:500}
tfoot th,tfoot td{font-weight:600;border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums}
.verdict{display:inline-block;padding:.05rem .5rem;border-radius:.35rem;
font-weight:600;font-size:.85rem;white-space:nowrap;color:var(--tone);
background:var(--tone-on);border:1px solid transparent}
a.verdict{text-decoration:none}
a.verdict:hover{border-color:currentColor}
.passed{--tone:var(--passed);--tone-on:var(--passed-on)}
.information{--tone:var(--information);--tone-on:var(--information-on)}
.lenient{--tone:var(--lenient);--tone-on:var(--lenient-on)}
.unimplemented{--tone:var(--unimplemented);--tone-on:var(--unimplemented-on)}
.failed{--tone:var(--failed);--tone-on:var(--failed-on)}
.control{border:1px solid var(--line);border-radius:.2rem;padding:0 .1em;
color:var(--quiet)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%);white-space:nowrap}
@media print{body{max-width:none;padding:0;font-size:10pt}
table{font-size:8pt!important}th,td{padding-inline:.3rem!important;position:static!important}
.scroll{overflow:visible!important;max-height:none!important}
nav,.filter{display:none!important}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
tr{break-inside:avoid}h2,h3{break-after:avoid}}
`;

/** For the pages of cases. */
export const caseStyle = `
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;font-size:.92rem}
nav .end{margin-left:auto}
header{margin:.5rem 0 1.5rem}
.facts{display:flex;flex-wrap:wrap;gap:.35rem 1.1rem;margin:.5rem 0;
font-size:.92rem;align-items:baseline}
.facts dt{display:inline;color:var(--quiet)}
.facts dd{display:inline;margin:0 0 0 .3rem}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));
gap:0 2.5rem;align-items:start}
.columns>*{min-width:0}
.events{list-style:none;margin:.3rem 0 .8rem;padding:0}
.events li{padding:.3rem .6rem;border-left:3px solid var(--line);margin:.25rem 0;
background:var(--panel-on);overflow-wrap:anywhere}
.events code{white-space:pre-wrap}
.head{background:var(--panel-on);border-radius:.4rem;padding:.7rem .9rem;margin:.2rem 0 1rem;
white-space:pre-wrap;overflow-wrap:anywhere}
.closing td:nth-child(2){overflow-wrap:anywhere;min-width:7rem}
.closing th,.closing td{padding-block:.35rem}
.statistics{display:grid;gap:1.5rem 2.5rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));align-items:start}
.statistics .scroll{max-height:26rem;overflow:auto}
.statistics table{width:100%}
.statistics thead th{position:sticky;top:0}
.statistics tfoot th,.statistics tfoot td{position:sticky;bottom:0;background:var(--panel-on)}
.log{width:100%}
.log th,.log td{padding:.2rem .55rem}
.log tbody th{color:var(--quiet);font-weight:400;font-variant-numeric:tabular-nums;text-align:right}
.log .way{white-space:nowrap;font-weight:600}
.log .rx .way{color:var(--rx);background:var(--rx-on)}
.log .tx .way{color:var(--tx);background:var(--tx-on)}
.log .octets,.log .payload{overflow-wrap:anywhere;word-spacing:-.15em}
.log .payload{display:block;white-space:pre-wrap;word-spacing:0}
.log .frame .what{font-weight:600}
.log .event td{color:var(--quiet);font-style:italic}
.log td:last-child{width:100%}
@media(max-width:40rem){
.log thead{display:none}
.log tr{display:grid;grid-template-columns:2.9rem auto 1fr}
.log th,.log td{border:0}
.log td:last-child{grid-column:1/-1;border-bottom:1px solid var(--line);padding-bottom:.4rem}
.log .event td:last-child{grid-column:2/-1}
.closing thead{display:none}
.closing tr{display:grid;grid-template-columns:auto 1fr}
.closing th,.closing td{border:0;padding-bottom:0}
.closing td:last-child{grid-column:1/-1;border-bottom:1px solid var(--line);padding-bottom:.35rem}
}
`;

/** For the overview. */
export const overviewStyle = `
.summary{max-width:100%}
@media print{.summary *{font-size:7pt!important}.summary tbody th{min-width:0!important}}
.summary thead th{font-size:.82rem}
.summary .number{white-space:nowrap}
.summary thead .number{white-space:normal}
.summary td.number:not(.some){color:var(--quiet)}
.summary .some{font-weight:600;color:var(--tone);background:var(--tone-on)}
.summary .apart{border-left:2px solid var(--line)}
.summary tbody th,.problems th{min-width:8rem;max-width:22rem;overflow-wrap:anywhere}
.legend{display:grid;grid-template-columns:max-content 1fr;gap:.4rem .8rem;margin:.4rem 0;
max-width:60rem;font-size:.9rem}
.legend dd{margin:0}
.legend dt{justify-self:start}
@media(max-width:40rem){.legend{grid-template-columns:1fr;gap:.15rem}.legend dd{margin-bottom:.5rem}}
.ids{display:flex;flex-wrap:wrap;gap:.15rem .6rem;font-variant-numeric:tabular-nums}
.problems td,.problems th{vertical-align:top}
.filter{border:0;padding:0;margin:.6rem 0 .8rem;display:flex;gap:.4rem;flex-wrap:wrap}
.filter legend{float:left;padding:0;margin-right:.6rem;font-weight:600}
.filter label{border:1px solid var(--line);border-radius:1rem;padding:.15rem .8rem;cursor:pointer}
.filter label:has(:checked){background:var(--panel-on);border-color:var(--link);font-weight:600}
.filter input{accent-color:var(--link);margin:0 .35rem 0 0}
.cases{border-collapse:separate;border-spacing:0}
.cases thead th{position:sticky;top:0;z-index:2;overflow-wrap:anywhere;
border-bottom:2px solid var(--line);font-size:.84rem;line-height:1.3}
.cases thead th:first-child{min-width:4.6rem}
.cases thead th:not(:first-child){min-width:9.2rem;max-width:13rem}
.dense th,.dense td{padding-inline:.35rem!important}
.dense thead th:not(:first-child){min-width:7.1rem}
.dense .verdict{font-size:.78rem;padding:.05rem .35rem}
.dense td{font-size:.84rem}
.cases tbody th[scope=row]{position:sticky;left:0;z-index:1;background:var(--page-on)}
.cases thead th:first-child{left:0;z-index:3}
.cases td,.cases tbody th[scope=row]{padding:.18rem .65rem}
.cases tr:target>th[scope=row],.cases tr:target>td{background:var(--panel-on)}
.cases tr{scroll-margin-top:5rem}
@media print{.cases th,.cases td{min-width:0!important;font-size:7pt!important}.cases .verdict{font-size:7pt}}
.cases .category th{font-size:1.05rem;font-weight:700;padding-top:1.4rem;border-bottom:2px solid var(--line)}
.cases .subcategory th{font-weight:600;padding-top:.8rem;color:var(--quiet)}
.cases .category span,.cases .subcategory span{display:inline-block;
position:sticky;left:.65rem;max-width:calc(100vw - 3.5rem)}
.detail{display:block;font-size:.78rem;color:var(--quiet)}
.nothing{display:none}
body:has(#only-not-ok:checked) .good{display:none}
body:has(#only-not-ok:checked) .nothing{display:block}
.descriptions{display:grid;gap:0 2.5rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr))}
.descriptions .part{margin:1.8rem 0 0;grid-column:1/-1;font-size:1.05rem}
.descriptions h4{margin:.9rem 0 .1rem;font-size:.95rem}
.descriptions article{min-width:0}
.descriptions p{font-size:.92rem;margin:.15rem 0}
`;

/** The style sheet of a page: what all have, and its own. */
export function styleSheet(own: string): string {
  return `:root{${variables(light)}}
@media(prefers-color-scheme:dark){:root{${variables(dark)}}}
@media print{:root{${variables(light)}}}
${(common + own).trim()}`;
}
