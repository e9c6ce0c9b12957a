// The trend of a place: uPlot takes the place of the picture that the server drew, from the same host's JSON.
"use strict";
(() => {
  const MANY = 12; // visits from which their lines are cut short, so that the trend stays in sight
  const ROOMY = 640; // pixels from which the levels are written beside their numbers
  const english = document.documentElement.lang === "en";
  const writer = (more) => new Intl.DateTimeFormat(english ? "en-GB" : "id", { day: "numeric", timeZone: "UTC", ...more });
  const [long, short] = [writer({ month: "long", year: "numeric" }), writer({ month: "short" })];
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#555";
  const number = (value) => (value === null || value === undefined ? "–" : english ? value.toFixed(2) : value.toFixed(2).replace(".", ","));
  const line = (label, stroke, more) => ({ label, stroke, width: 2, spanGaps: false, points: { show: false }, value: (_, v) => number(v), ...more });
  const day = (form) => (seconds) => form.format(new Date(seconds * 1000));

  function marks(data) {
    const styles = { visit: color("--visit"), merah: color("--merah"), kuning: color("--kuning") };
    return (u) => {
      const draw = (at, style, dash, share = 1) => {
        const x = Math.round(u.valToPos(at, "x", true));
        u.ctx.save();
        u.ctx.strokeStyle = style;
        u.ctx.lineWidth = 2 * devicePixelRatio;
        u.ctx.setLineDash(dash);
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.bbox.top);
        u.ctx.lineTo(x, u.bbox.top + u.bbox.height * share);
        u.ctx.stroke();
        u.ctx.restore();
      };
      data.visits.forEach((visit) => draw(visit.at, styles.visit, [2, 4], data.visits.length > MANY ? 0.15 : 1));
      data.alerts.forEach((alert) => draw(alert.at, styles[alert.tier], []));
    };
  }

  function options(box, series, bands, hooks, scales, axes) {
    const words = box.clientWidth < ROOMY ? [] : box.dataset.levels.split("|");
    const level = (v) => (words.length ? `${words[v * 4]} ${number(v)}` : number(v));
    const read = { ready: [(u) => u.setLegend({ idx: u.data[0].length - 1 })] }; // the latest day until another is pointed at
    return {
      width: box.clientWidth, height: 260, bands, hooks: { ...hooks, ...read }, cursor: { drag: { x: true, y: false } },
      series: [{ label: box.dataset.day, value: (_, v) => (v ? day(long)(v) : "–") }, ...series],
      legend: { markers: { show: false } }, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
      scales: { y: { range: [0, 1] }, ...scales },
      axes: [
        { stroke: color("--ink"), values: (_, ticks) => ticks.map(day(short)), space: 70, grid: { stroke: color("--rule") } },
        { stroke: color("--ink"), splits: [0, 0.25, 0.5, 0.75, 1], values: (_, ticks) => ticks.map(level),
          size: words.length ? 130 : 50, grid: { stroke: color("--rule") } },
        ...(axes || []),
      ],
    };
  }

  function trend(box, data) {
    const t = box.dataset;
    const series = [
      line(t.enough, color("--line")),
      line(t.estimated, color("--line"), { dash: [4, 4], width: 1 }),
      line(t.interval, "transparent", { value: (u, v, _, i) => (v === null || v === undefined ? "–" : `${number(u.data[4][i])}–${number(v)}`) }),
      line("", "transparent", { class: "unsaid" }),
      { label: t.stories, scale: "n", fill: color("--bars"), paths: uPlot.paths.bars({ size: [0.7] }), value: (_, v) => v ?? "–", points: { show: false } },
    ];
    const most = Math.max(4, ...data.stories) * 4;
    const bands = [{ series: [3, 4], fill: color("--band") }];
    const made = options(box, series, bands, { draw: [marks(data)] }, { n: { range: [0, most] } });
    return [made, [data.days, data.enough, data.estimated, data.high, data.low, data.stories]];
  }

  function voices(box, data) {
    const t = box.dataset;
    const series = [line(t.press, color("--press")), line(t.official, color("--official")), line(t.public, color("--public"))];
    const bands = [{ series: [1, 2], fill: color("--band") }];
    return [options(box, series, bands, {}, {}), [data.days, data.press, data.official, data.public]];
  }

  function draw(box, data) {
    const [made, columns] = (box.id === "trend" ? trend : voices)(box, data);
    box.replaceChildren();
    const plot = new uPlot(made, columns, box);
    new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 260 })).observe(box);
  }

  document.querySelectorAll("[data-trend]").forEach(async (box) => {
    const answer = await fetch(box.dataset.trend, { credentials: "same-origin" });
    if (answer.ok) draw(box, await answer.json());
  });
})();
