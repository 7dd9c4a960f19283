// The moment that is shown: hours of the record, days of both maps, a line in the curves. Words come from the page.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const story = document.getElementById("story");
  if (!story) return;
  const one = (id) => document.getElementById(id);
  const all = (selector, base = document) => [...base.querySelectorAll(selector)];
  const slider = one("moment");
  const last = Number(slider.max);
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  const states = {p: "present", d: "doubtful", a: "absent", m: "missing"};
  const words = Object.fromEntries(all(".states [data-state]").map((item) => [item.dataset.state, [...item.childNodes]]));
  const rows = all("#regions tbody tr").map((row) => ({
    row, days: row.dataset.days, shares: row.dataset.shares?.trim().split(" "), of: row.dataset.region,
    areas: all(`.region[data-region="${row.dataset.region}"]`), parts: all(`[data-region="${row.dataset.region}"]:is(.share, .label)`),
  }));
  const firstDay = Date.parse(`${story.dataset.first}T00:00Z`);
  const two = (n) => String(n).padStart(2, "0");
  const dated = (n) => new Intl.DateTimeFormat(qantar.lang() === "zh" ? "zh-CN" : "en-GB", {day: "numeric", month: "long", year: "numeric", timeZone: "UTC"}).format(firstDay + n * 864e5);
  const iso = (n) => new Date(firstDay + n * 864e5).toISOString().slice(0, 10);

  const lines = all(".plot[data-over]").map((plot) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", "now");
    line.setAttribute("y1", 0);
    line.setAttribute("y2", plot.viewBox.baseVal.height - 24);
    plot.append(line);
    const [low, high, left, right] = plot.dataset.over.split(" ").map(Number);
    return (at) => {
      const x = left + (at - low) / (high - low) * (right - left);
      line.toggleAttribute("hidden", x < left || x > right);
      for (const end of ["x1", "x2"]) line.setAttribute(end, x);
    };
  });

  // What the server has of a day: its sentences, events and signs, asked once.
  const days = new Map();
  const ask = (n) => {
    if (!days.has(n)) {
      const asked = fetch(`/story/day?${new URLSearchParams({name: story.dataset.name, day: iso(n)})}`)
        .then((answer) => { if (!answer.ok) throw new Error(answer.status); return answer.text(); })
        .then((text) => new DOMParser().parseFromString(text, "text/html"));
      asked.catch(() => days.delete(n));
      days.set(n, asked);
    }
    return days.get(n);
  };

  let shown = Number(one("of-day").dataset.n), chosen = "", ring = null;
  const day = () => Math.floor(slider.value / 24);
  const hour = () => slider.value % 24;

  const paintHour = () => {
    const now = hour();
    for (const sign of all("#signs [data-hour]")) sign.toggleAttribute("hidden", Number(sign.dataset.hour) > now);
    let toCome = 0, visible = 0, latest = -1;
    for (const item of all("#events li")) {
      const other = chosen && item.dataset.region !== chosen;
      const later = Number(item.dataset.hour ?? 0) > now;
      item.hidden = other || later;
      toCome += later && !other;
      visible += !other;
      if (!later && item.dataset.hour) latest = Math.max(latest, Number(item.dataset.hour));
    }
    for (const item of all("#timed li")) item.classList.toggle("just", Number(item.dataset.hour) === latest);
    for (const heading of all("#events h3")) heading.hidden = !heading.nextElementSibling.querySelector("li:not([hidden])");
    if (one("to-come")) {
      one("to-come").hidden = !toCome;
      one("to-come").querySelector("b").textContent = toCome;
    }
    one("none").hidden = visible > 0;
    one("hour").textContent = `${two(now)}:00–${two(now + 1)}:00`;
    one("clock").firstElementChild.textContent = dated(day());
    slider.setAttribute("aria-valuetext", `${dated(day())}, ${one("hour").textContent}`);
    const at = Number(story.dataset.ordinal) + day() - 0.5 + (now + 0.5) / 24;
    for (const move of lines) move(at);
    paintCrowds();
  };

  // One history by the hour: circles whose areas are crowds. Hours are those of each place, as everywhere here.
  const spots = JSON.parse(story.dataset.places);
  const which = one("which");
  let crowds = [], step = 1;
  const paintCrowds = () => {
    if (!which?.value) return;
    const now = Number(slider.value);
    let total = 0;
    for (const {from, out, circle} of crowds) {
      const people = out[Math.floor((now - from) / step)] ?? 0;
      total += people;
      circle?.setAttribute("r", 0.3 * Math.sqrt(people));
    }
    one("one-out").textContent = crowds.length ? total.toLocaleString("en") : "–";
  };
  const say = (state, words = "") => {
    for (const item of all("#one-state [data-is]")) item.hidden = item.dataset.is !== state;
    one("one-state").querySelector("[data-is=failed]").textContent = words;
  };
  which?.addEventListener("change", async () => {
    const run = which.value;
    crowds = [];
    one("crowds").replaceChildren();
    one("simulated").classList.toggle("one", run !== "");
    one("one").hidden = run === "";
    if (run === "") return;
    say("waiting");
    paintCrowds();
    let found;
    try {
      found = await qantar.ask("GET", `/story/history?${new URLSearchParams({name: story.dataset.name, run})}`);
    } catch (error) {
      if (which.value === run) say("failed", error.message);
      return;
    }
    if (which.value !== run) return;
    step = found.step_hours;
    const late = (Date.parse(`${found.first_day}T00:00Z`) - firstDay) / 36e5;
    crowds = found.places.map((place) => {
      let circle = null;
      if (spots[place.id]) {
        circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
        circle.classList.toggle("rest", !place.settlement);
        circle.setAttribute("cx", spots[place.id][0]);
        circle.setAttribute("cy", spots[place.id][1]);
        one("crowds").append(circle);
      }
      return {from: place.from + late, out: place.out, circle};
    });
    say("shown");
    paintCrowds();
  });

  const paintDay = () => {
    const n = day();
    for (const {row, days, shares, areas, parts} of rows) {
      const state = states[days[n]], share = shares?.[n] ?? "-";
      for (const area of areas) area.setAttribute("class", `region ${state}`);
      row.querySelector(".state").replaceChildren(...words[state].map((node) => node.cloneNode(true)));
      const percent = row.querySelector(".percent");
      if (percent) percent.textContent = share === "-" ? "–" : `${share} %`;
      for (const part of parts) {
        if (part.matches(".share")) part.setAttribute("fill-opacity", share === "-" ? 0 : share / 100);
        else part.textContent = share === "-" ? "" : `${share} %`;
      }
    }
    for (const row of all("#days [data-n]")) {
      if (Number(row.dataset.n) === n) row.setAttribute("aria-current", "date"); else row.removeAttribute("aria-current");
    }
    if (one("not-simulated")) one("not-simulated").hidden = rows.some(({shares}) => shares && shares[n] !== "-");
  };

  const find = (button) => {
    ring = button;
    for (const other of all(".find")) other.setAttribute("aria-pressed", String(other === button));
    one("ring").toggleAttribute("hidden", !button);
    if (button) { one("ring").setAttribute("cx", button.dataset.x); one("ring").setAttribute("cy", button.dataset.y); }
  };

  const show = async () => {
    const n = day();
    paintHour();
    if (n === shown) return;
    shown = n;
    paintDay();
    const found = await ask(n).catch(() => null);
    if (!found || n !== day()) return;
    if (ring) find(null);
    one("of-day").replaceWith(document.importNode(found.getElementById("of-day"), true));
    one("events").replaceWith(document.importNode(found.getElementById("events"), true));
    one("signs")?.replaceWith(document.importNode(found.getElementById("signs"), true));
    paintHour();
    if (n < last / 24 - 1) ask(n + 1).catch(() => {});
  };

  const address = () => { const at = new URL(location); at.searchParams.set("day", iso(day())); at.searchParams.set("hour", hour()); history.replaceState(null, "", at); };
  const go = (to) => { slider.value = to; fresh = false; show(); };
  let fresh = !("chosen" in story.dataset), timer = 0, slow = 0;
  const kept = () => { clearTimeout(slow); slow = setTimeout(address, 400); };

  const stop = () => {
    clearInterval(timer);
    timer = 0;
    one("now").setAttribute("aria-live", "polite");
    one("play").querySelector(".start").hidden = false;
    one("play").querySelector(".stop").hidden = true;
    address();
  };
  const start = () => {
    const speed = Number(one("speed").value);
    const hours = quiet.matches ? 24 : Math.max(1, Math.round(speed / 10));  // without motion: from day to day, no faster than one a second
    if (fresh || Number(slider.value) === last) go(0);
    clearInterval(timer);
    timer = setInterval(() => { go(Math.min(last, Number(slider.value) + hours)); if (Number(slider.value) === last) stop(); }, Math.max(quiet.matches ? 1000 : 0, 1000 * hours / speed));
    one("now").setAttribute("aria-live", "off");  // a voice would never end
    one("play").querySelector(".start").hidden = true;
    one("play").querySelector(".stop").hidden = false;
  };
  one("play").addEventListener("click", () => { if (timer) stop(); else start(); });
  one("speed").addEventListener("change", () => { if (timer) start(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden && timer) stop(); });
  slider.addEventListener("input", () => { fresh = false; show(); kept(); });
  slider.addEventListener("keydown", (event) => {
    const by = {PageUp: 24, PageDown: -24}[event.key];
    if (by) { event.preventDefault(); go(Number(slider.value) + by); kept(); }
  });
  for (const [name, by] of [["before", -24], ["after", 24]]) one(name).addEventListener("click", () => { go(Math.max(0, Math.min(last, Number(slider.value) + by))); kept(); });

  const choose = (region) => {
    chosen = chosen === region ? "" : region;
    const picked = all(".pick").find((button) => button.closest("tr").dataset.region === chosen);
    for (const button of all(".pick")) button.setAttribute("aria-pressed", String(button === picked));
    for (const outline of all(".outline")) {
      outline.toggleAttribute("hidden", !chosen);
      if (chosen) outline.setAttribute("href", `#shape-${chosen}`);
    }
    one("only").hidden = !chosen;
    if (picked) one("only").querySelector("b").replaceChildren(...[...picked.childNodes].map((node) => node.cloneNode(true)));
    paintHour();
  };
  story.addEventListener("click", (event) => {
    const button = event.target.closest(".find");
    if (button) find(ring === button ? null : button);
    const region = event.target.closest(".pick")?.closest("tr") ?? event.target.closest(".region, .share");
    if (region) choose(region.dataset.region);
  });
  one("everywhere").addEventListener("click", () => { choose(""); slider.focus(); });
  document.addEventListener("spoken", paintHour);

  slider.value = slider.getAttribute("value");  // a browser may remember another
  if (which) which.value = "";
  paintHour();
});
