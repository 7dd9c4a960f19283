// One thing is changed, and two histories of the same people come in hour by hour.
"use strict";
(() => {
  const one = (id) => document.getElementById(id);
  const all = (selector, base = document) => [...base.querySelectorAll(selector)];
  const form = one("ask");
  const name = form.dataset.name;
  const count = (n) => Math.round(n).toLocaleString("en");

  // --- Words: sentences of the page, their gaps filled with text or with copies of what stands elsewhere on it ---
  const say = (id, given = {}) => {
    const found = one(`say-${id}`).content.cloneNode(true);
    const walker = document.createTreeWalker(found, NodeFilter.SHOW_TEXT);
    for (let nodes = [], node = walker.nextNode(); ; node = walker.nextNode()) {
      if (node) { nodes.push(node); continue; }
      for (const text of nodes) {
        text.replaceWith(...text.data.split(/(\{\w+\})/).map((piece) => {
          const value = piece.startsWith("{") ? given[piece.slice(1, -1)] : piece;
          const lang = text.parentElement?.lang;
          if (Array.isArray(value)) return value[lang === "zh" ? 1 : 0];
          if (!(value instanceof Node)) return String(value ?? piece);
          const copy = value.cloneNode(true);
          copy.removeAttribute?.("id");
          return copy;
        }));
      }
      return found;
    }
  };
  const both = ([en, zh]) => en === zh ? [document.createTextNode(en)] : [["en", en], ["zh", zh]].map(([lang, words]) => Object.assign(document.createElement("span"), {lang, textContent: words}));
  const element = (tag, ...inside) => { const made = document.createElement(tag); made.append(...inside); return made; };
  // What a piece of the page says in one language.
  const inOne = (node, lang) => {
    const copy = element("p", node.cloneNode?.(true) ?? node);
    for (const other of copy.querySelectorAll(`[lang]:not([lang=${lang}], .any)`)) other.remove();
    return copy.textContent;
  };
  const status = (id, given) => one("status").replaceChildren(say(`status-${id}`, given));

  let live = null;  // what can be stopped
  let engine = "";  // how far the people are ready
  let named = [];   // the arm as it is called on this page, in both languages
  const byDraw = Object.fromEntries(["en", "zh"].map((lang) => [lang, one("say-by_draw").content.querySelector(`[lang=${lang}]`).textContent]));

  // --- What is changed ---
  const arms = all("input[name=arm]", form);
  const switches = all("[data-change]", form).map((input) => ({input, was: input.checked, item: input.closest(".choice")}));
  const drivers = all("[data-driver]", form);
  let strengths = [];  // come after the page
  const policy = () => form.elements.state.value === "policy";
  const what = (input) => input.closest(".choice").querySelector(".what");

  // Each change: as the command writes it, in words, and how it is taken back.
  const changes = () => {
    const arm = arms.find((a) => a.checked && a.value);
    if (arm) {
      const about = arm.closest(".choice").querySelector(".about");
      return [{arm: arm.value, words: [what(arm).cloneNode(true), ": ", about?.cloneNode(true) ?? ""], undo: () => { arms[0].checked = true; }}];
    }
    const found = [];
    for (const {input, was} of switches) {
      if (input.checked === was) continue;
      found.push({arm: `${input.dataset.change}=${input.checked ? 1 : "off"}`, words: [say(input.checked ? "with" : "without", {what: what(input)})], undo: () => { input.checked = was; }});
    }
    for (const select of drivers) {
      if (select.value) found.push({arm: `drivers.${select.dataset.driver}=${select.value}`, words: [say("by", {what: what(select), value: [0, 1].map((k) => select.selectedOptions[0].getAttribute(`data-text-${k ? "zh" : "en"}`) ?? select.selectedOptions[0].textContent)})], undo: () => { select.value = ""; }});
    }
    for (const s of strengths) {
      if (s.field.value !== "") found.push({arm: `parameters.${s.name}=${s.field.value}`, words: [say("at", {what: what(s.field), value: s.field.value})], undo: () => { clear(s); }});
    }
    for (const word of one("more").value.split(";").map((w) => w.trim()).filter(Boolean)) {
      found.push({arm: word, words: [element("code", word)], undo: () => { one("more").value = one("more").value.split(";").filter((w) => w.trim() !== word).join(";"); }});
    }
    return found;
  };
  const nearest = (s, value) => s.stops.reduce((best, stop, k) => Math.abs(stop - value) < Math.abs(s.stops[best] - value) ? k : best, 0);
  const clear = (s) => { s.field.value = ""; s.slider.value = Math.floor(s.stops.length / 2); };
  const others = (input) => {
    if (input.name === "arm" && input.value) {
      for (const s of switches) s.input.checked = s.was;
      for (const d of drivers) d.value = "";
      for (const s of strengths) clear(s);
      one("more").value = "";
    } else if (input.name !== "arm" && !input.closest(".settings, #share") && input.id !== "find" && arms.length) arms[0].checked = true;
  };

  const asked = () => {
    const values = one("values").value;
    return {
      name, arm: changes().map((c) => c.arm).join(";"), recorded: !policy(), draws: Number(one("draws").value), replicates: Number(one("replicates").value), seed: Number(one("seed").value),
      scale: Number(one("scale").value), set: set, prior: values === "prior" && one("values").options.length > 1, posterior: values === "prior" ? "" : values,
    };
  };
  let set = [];
  const quoted = (word) => /^[\w./:=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
  const command = (a) => ["qantar", "counterfactual", a.name, "--arm", a.arm || "…", ...a.set.flatMap((s) => ["--set", s]), ...(a.recorded ? ["--recorded"] : []), ...(a.prior ? ["--prior"] : []), ...(a.posterior ? ["--posterior", a.posterior] : []), "--draws", a.draws, "--replicates", a.replicates, "--seed", a.seed, "--scale", a.scale].map((w) => quoted(String(w))).join(" ");
  const query = (a) => {
    const found = new URLSearchParams();
    for (const [key, value] of Object.entries(a)) if (key !== "set" && value !== "" && value !== false) found.set(key, key === "recorded" || key === "prior" ? "1" : value);
    if (!a.recorded) found.set("recorded", "0");
    for (const change of a.set) found.append("set", change);
    return found;
  };
  const link = (a) => `${location.origin}/what-if?${query(a)}`;

  const show = () => {
    for (const s of strengths) s.field.placeholder = byDraw[qantar.lang()];
    const found = changes();
    const words = one("words");
    words.replaceChildren(element("p", say(found.length > 1 ? "several" : found.length ? "one" : "nothing")));
    if (found.length) {
      words.append(element("ul", ...found.map((c, k) => {
        const back = element("button", say("take_back"));
        back.type = "button";
        back.addEventListener("click", () => { c.undo(); show(); (all("#words button")[Math.max(0, k - 1)] ?? one("find")).focus(); });
        return element("li", element("span", ...c.words), back);
      })));
    }
    for (const {input, was, item} of switches) item.classList.toggle("is-changed", input.checked !== was);
    for (const d of drivers) d.closest(".choice").classList.toggle("is-changed", d.value !== "");
    for (const s of strengths) {
      s.item.classList.toggle("is-changed", s.field.value !== "");
      s.back.hidden = s.field.value === "";
      s.slider.setAttribute("aria-valuetext", s.field.value || s.field.placeholder);
    }
    if (one("by-policy")) one("by-policy").hidden = !policy();
    one("go").disabled = !found.length || live !== null;
    one("why").hidden = found.length > 0;
    const a = asked();
    one("command").textContent = command(a);
    one("link").href = one("link").textContent = link(a);
    one("file").hidden = !found.length;
    one("file").href = `/api/what-if/file?${query(a)}`;
  };

  // A file that somebody sent sets the page up as its link would have.
  one("opened").addEventListener("change", async () => {
    const [file] = one("opened").files;
    one("unopened").textContent = "";
    try {
      const {arm} = await qantar.ask("POST", `/what-if/file?${new URLSearchParams({name})}`, file);
      location.assign(link({...asked(), arm}));
    } catch (error) {
      if (!error.problems) throw error;
      one("unopened").textContent = error.message;
    }
  });

  form.addEventListener("input", (event) => {
    const s = strengths.find((x) => x.item.contains(event.target));
    if (s && event.target === s.slider) s.field.value = s.stops[s.slider.value];
    else if (s) { if (s.field.value === "") clear(s); else s.slider.value = nearest(s, Number(s.field.value)); }
    if (event.target.id === "find") { search(); return; }
    others(event.target);
    show();
  });
  const search = () => {
    const words = one("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of all(".choice", form)) item.hidden = !words.every((w) => item.textContent.toLowerCase().includes(w));
    for (const group of all("details.strengths, details.choices", form)) {
      const some = group.querySelector(".choice:not([hidden])");
      group.hidden = words.length > 0 && !some;
      group.dataset.before ??= String(group.open);
      group.open = words.length ? Boolean(some) : group.dataset.before === "true";
      if (!words.length) delete group.dataset.before;
    }
    one("none-found").hidden = Boolean(form.querySelector(".choice:not([hidden])"));
  };

  // What is changed, as the command writes it: each in its place, and what has none among the others.
  const choose = (arm) => {
    const ready = arms.find((a) => a.value === arm);
    if (ready) ready.checked = true;
    const left = [];
    for (const word of ready ? [] : arm.split(";").filter(Boolean)) {
      const [path, value] = word.split("=");
      const own = switches.find((s) => s.input.dataset.change === path && s.was === (value === "off"));
      const driver = path.startsWith("drivers.") && drivers.find((d) => d.dataset.driver === path.slice(8) && [...d.options].some((o) => o.value === value));
      const strength = path.startsWith("parameters.") && value !== "off" && strengths.find((s) => s.name === path.slice(11));
      if (own) own.input.checked = !own.was;
      else if (driver) driver.value = value;
      else if (strength && value !== "" && Number.isFinite(Number(value))) { strength.field.value = value; strength.slider.value = nearest(strength, Number(value)); }
      else left.push(word);
    }
    one("more").value = left.join(";");
    for (const input of all(".choice :checked, .choice [type=number]", form)) if (input.type === "number" ? input.value : input.name === "arm" ? input.value : false) for (let d = input.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
  };

  // A link sets the page up.
  const from = (query) => {
    choose(query.get("arm") ?? "");
    for (const key of ["draws", "replicates", "seed"]) if (query.has(key)) one(key).value = query.get(key);
    if (query.get("recorded") === "0") form.elements.state.value = "policy";
    const scale = query.get("scale");
    if (scale && Number(scale) > 0) {
      if (![...one("scale").options].some((o) => Number(o.value) === Number(scale))) one("scale").add(new Option(scale, scale));
      one("scale").value = [...one("scale").options].find((o) => Number(o.value) === Number(scale)).value;
    }
    const values = query.get("posterior") || (query.get("prior") ? "prior" : "");
    if ([...one("values").options].some((o) => o.value === values)) one("values").value = values;
    set = query.getAll("set");
  };

  // Sliders are more than half of the page: they come when the rest stands.
  const bring = async () => {
    const answer = await fetch(`/what-if/strengths?${new URLSearchParams({name})}`);
    one("strengths").replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    strengths = all(".strength", form).map((item) => ({
      item, name: item.dataset.name, stops: item.dataset.stops.split(" ").map(Number), slider: item.querySelector("[type=range]"), field: item.querySelector("[type=number]"), back: item.querySelector(".back"),
    }));
    for (const s of strengths) {
      s.back.addEventListener("click", () => { clear(s); show(); s.slider.focus(); });
      // A slider that stands where it is wanted already says nothing when it is not moved: Enter or a press takes its value.
      s.slider.addEventListener("click", () => { if (s.field.value === "") { s.field.value = s.stops[s.slider.value]; others(s.slider); show(); } });
      s.slider.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); s.slider.click(); } });
    }
    if (one("more").value) choose(one("more").value);
    if (one("find").value) search();
    show();
  };

  for (const button of all("[data-copy]")) {
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(one(button.dataset.copy).textContent); one("copied").replaceChildren(say("copied")); }
      catch { getSelection().selectAllChildren(one(button.dataset.copy)); }
    });
  }

  // --- What comes in ---
  let about = null;  // what was said at the beginning
  let pairs = [];    // of histories: rows by side
  let at = 0, following = true, over = false, which = 0, dayTold = -1;
  const SIDES = ["base", "changed"];
  const [HOUR, OUT, DETAINED, KILLED, SECURITY, REGIONS, SEATS, PLACES] = [0, 1, 2, 3, 4, 5, 6, 7];

  const latest = (pair) => pair ? Math.min(...SIDES.map((side) => pair[side].length)) - 1 : -1;
  const busiest = (pair) => Array.from({length: latest(pair) + 1}, (_, k) => SIDES.reduce((sum, side) => sum + pair[side][k][OUT], 0)).reduce((best, n, k, all) => n > all[best] ? k : best, 0);
  const shown = () => Math.max(0, Math.min(at, latest(pairs[which])));
  const moment = (row) => {
    const since = about.first_hour + row[HOUR];
    const day = Math.min(about.days.length - 1, Math.floor((since - 1e-9) / 24));
    const hour = since - 24 * day;
    const [h, m] = [Math.floor(hour), Math.round(60 * (hour % 1))];
    return {day, words: about.days[day], hour: ` ${String(h).padStart(2, "0")}:${String(m).padStart(2, "0")}`};
  };

  // Sentences of the study name the arm as the command writes it.
  const called = (sentence) => sentence.map((words, k) => words.replaceAll(arm, named[k]));
  const heads = all("#effects thead th").map((head) => ["en", "zh"].map((lang) => (head.querySelector(`[lang=${lang}]`) ?? head).textContent.replaceAll("\n", " ")));
  let arm = "";

  const events = {
    begun: (e) => {
      about = e;
      pairs = [];
      which = 0;
      at = 0;
      following = true;
      over = false;
      dayTold = -1;
      one("watch").hidden = one("findings").hidden = false;
      one("notes").replaceChildren(...e.notes.map((note) => { const p = element("p", ...both(called(note))); p.className = "small"; return p; }));
      one("said").replaceChildren(element("p", ...one("said-at-first").content.cloneNode(true).childNodes));
      for (const id of ["effects", "how", "digests"]) one(id).hidden = true;
      one("digests").querySelector("ol").replaceChildren();
      one("which").replaceChildren();
      one("hour").max = Math.ceil(e.hours / e.step_hours) - 1;
      one("watch").scrollIntoView({block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"});
      draw();
    },
    waits: (e) => status(e.state),
    hours: (e) => {
      if (!pairs[e.run]) {
        pairs[e.run] = {base: [], changed: []};
        const numbers = {draw: Math.floor(e.run / about.replicates) + 1, pair: e.run % about.replicates + 1};
        const option = new Option("", e.run);
        for (const [lang, words] of spoken("pair_n", numbers)) option.setAttribute(`data-text-${lang}`, words);
        option.textContent = option.getAttribute(`data-text-${qantar.lang()}`);
        one("which").add(option);
        status("draw", {...numbers, draws: about.draws, pairs: about.replicates, people: count(about.residents)});
        if (following) { which = e.run; one("which").value = which; dayTold = -1; }
      }
      pairs[e.run][e.side].push(...e.rows);
      if (following && which === e.run) at = latest(pairs[which]);
      if (which === e.run) draw();
    },
    draw: (e) => {
      one("digests").hidden = false;
      one("digests").querySelector("ol").append(element("li", ...SIDES.flatMap((side) => [element("code", e.sha256[side]), " "])));
      if (!e.rows) return;
      const so = say(e.draws === about.draws ? "all_done" : "so_far", {k: e.draws, draws: about.draws});
      const sentence = element("p", ...both(called(e.sentence)));
      sentence.className = "sentence";
      one("said").replaceChildren(sentence, element("p", so), Object.assign(element("p", ...both(e.told)), {className: "warn"}));
      one("effects").querySelector("tbody").replaceChildren(...e.rows.map((cells) => element("tr", ...cells.map((cell, k) => {
        const made = element(k ? "td" : "th", ...both(cell));
        if (k) made.className = "n"; else made.scope = "row";
        if (k) [made.dataset.en, made.dataset.zh] = heads[k];
        return made;
      }))));
      one("effects").hidden = one("how").hidden = false;
    },
    done: () => {
      over = true;
      if (following) { at = busiest(pairs[which]); dayTold = -1; draw(); }  // at the last hour nobody is out, and nothing to be seen
      status("done", {draws: about.draws});
    },
    failed: (e) => tell(e.problems.map((p) => [p.what, p.rule, p.mend])),
  };
  const spoken = (id, given) => { const made = element("p", say(id, given)); return ["en", "zh"].map((lang) => [lang, (made.querySelector(`[lang=${lang}]`) ?? made).textContent]); };
  const tell = (problems) => one("mistake").replaceChildren(...problems.flatMap((sentences) => sentences.map((s) => element("p", ...both(s)))));

  const run = async () => {
    live = new AbortController();
    one("mistake").replaceChildren();
    one("stop").hidden = false;
    one("go").disabled = true;
    pause();
    status(engine === "compiling" ? engine : "begun");
    const wanted = asked();
    arm = wanted.arm;
    named = [0, 1].map((k) => changes().map((c) => inOne(c.words[0], ["en", "zh"][k])).join("; "));
    history.replaceState(null, "", link(wanted));
    let ended = false;
    try {
      const answer = await fetch("/api/what-if", {method: "POST", signal: live.signal, headers: {"X-Qantar": "1", "Content-Type": "application/json", "Accept-Language": qantar.lang()}, body: JSON.stringify(wanted)});
      if (!answer.ok) {
        const said = (await answer.json()).error.problems;
        tell(said.map((p) => [[`${p.key || p.file}: ${p.what}`, p.rule, p.mend].join(" ")].map((words) => [words, words])));
        one("status").replaceChildren();
        one("mistake").scrollIntoView({block: "nearest"});
        return;
      }
      let rest = "";
      for await (const piece of read(answer.body.pipeThrough(new TextDecoderStream()))) {
        const lines = (rest + piece).split("\n\n");
        rest = lines.pop();
        for (const line of lines) {
          const event = JSON.parse(line.slice("data: ".length));
          ended ||= event.event === "done" || event.event === "failed";
          events[event.event](event);
        }
      }
      if (!ended) status("lost");
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
      status(error.name === "AbortError" ? "stopped" : "lost");
    } finally {
      const stopped = live.signal.aborted;
      live = null;
      one("stop").hidden = true;
      show();
      if (stopped) one("go").focus();
    }
  };
  async function* read(stream) {  // a stream is not everywhere one that can be gone through
    const reader = stream.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); if (!one("go").disabled) run(); });
  one("stop").addEventListener("click", () => { live?.abort(); });

  // --- What is shown ---
  let waiting = false;
  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); });
  };
  const circles = all("circle.crowd[data-side]");
  const radius = (people) => people > 0 ? 3 + 5 * Math.log10(Math.max(1, people)) : 0;
  const paint = () => {
    const pair = pairs[which];
    const k = shown();
    one("hour").value = k;
    one("follow").hidden = following;
    if (!pair || latest(pair) < 0) { chart(); return; }
    const row = Object.fromEntries(SIDES.map((side) => [side, pair[side][k]]));
    const now = moment(row.base);
    one("clock").replaceChildren(say("clock", {day: now.words, hour: now.hour}));
    one("hour").setAttribute("aria-valuetext", one("clock").querySelector(`[lang=${qantar.lang()}]`).textContent);
    one("draw-now").replaceChildren(say(following && over ? "pair_busiest" : "pair_n", {draw: Math.floor(which / about.replicates) + 1, pair: which % about.replicates + 1}));
    for (const side of SIDES) one(`out-${side}`).textContent = count(row[side][OUT]);
    for (const c of circles) c.setAttribute("r", radius(row[c.dataset.side][PLACES][about.regions.indexOf(c.dataset.region)]).toFixed(1));
    all("#now tbody tr").forEach((line, n) => {
      const [a, b] = SIDES.map((side) => row[side][[OUT, DETAINED, KILLED, SECURITY, REGIONS, SEATS][n]]);
      const difference = b - a;
      [count(a), count(b), difference ? `${difference > 0 ? "+" : "−"}${count(Math.abs(difference))}` : "0"].forEach((text, m) => { line.cells[m + 1].textContent = text; });
    });
    if (one("by-region").open) for (const line of all("#by-region tbody tr")) SIDES.forEach((side, m) => { line.cells[m + 1].textContent = count(row[side][PLACES][about.regions.indexOf(line.dataset.region)]); });
    told(pair, k);
    chart();
  };
  // A sentence for each day that has ended, not for each hour.
  const told = (pair, k) => {
    const day = moment(pair.base[k]).day;
    const ended = k === Number(one("hour").max) ? day : day - 1;
    if (ended < 0 || ended === dayTold) return;
    dayTold = ended;
    const last = pair.base.findLastIndex((row) => moment(row).day === ended);
    const [base, changed] = SIDES.map((side) => count(pair[side][last][OUT]));
    one("day-said").replaceChildren(say("day_said", {day: about.days[ended], base, changed}));
  };

  const NS = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes, text = "") => {
    const made = document.createElementNS(NS, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const ticks = (most) => {
    const size = 10 ** Math.floor(Math.log10(most / 4));
    const step = [1, 2, 5, 10].map((k) => k * size).find((s) => most / s <= 4.5);
    return Array.from({length: Math.floor(most / step) + 1}, (_, k) => k * step);
  };
  const chart = () => {
    const sheet = one("chart");
    const [width, height, left, bottom, top] = [sheet.clientWidth || 600, 220, 62, 24, 10];
    const most = pairs.reduce((so, pair) => Math.max(so, ...SIDES.flatMap((side) => pair[side].map((r) => r[OUT]))), 10);
    const x = (hour) => left + (width - left - 8) * hour / about.hours;
    const y = (people) => height - bottom - (height - bottom - top) * people / most;
    const path = (rows) => rows.map((r, k) => `${k ? "L" : "M"}${x(r[HOUR]).toFixed(1)} ${y(r[OUT]).toFixed(1)}`).join("");
    const parts = ticks(most).flatMap((n) => [svg("path", {class: "g", d: `M${left} ${y(n)}H${width - 8}`}), svg("text", {x: left - 6, y: y(n) + 4, "text-anchor": "end"}, count(n))]);
    const each = Math.ceil(about.days.length / Math.max(2, Math.floor(width / 70)));
    about.days.forEach((words, k) => {
      if (k % each) return;
      const hour = Math.max(0, 24 * k - about.first_hour);
      parts.push(svg("path", {class: "g", d: `M${x(hour)} ${height - bottom}v5`}), svg("text", {x: x(hour), y: height - 6, "text-anchor": k ? "middle" : "start"}, words[qantar.lang() === "zh" ? 1 : 0]));
    });
    pairs.forEach((pair, k) => { if (k !== which) for (const side of SIDES) parts.push(svg("path", {class: `earlier ${side}`, d: path(pair[side])})); });
    if (pairs[which]) {
      for (const side of SIDES) parts.push(svg("path", {class: side, d: path(pairs[which][side])}));
      const row = pairs[which].base[shown()];
      if (row) parts.push(svg("path", {class: "moment", d: `M${x(row[HOUR])} ${top}V${height - bottom}`}));
    }
    sheet.setAttribute("viewBox", `0 0 ${width} ${height}`);
    sheet.replaceChildren(...parts);
  };

  // --- Looking back ---
  let playing = null;
  const pause = () => { clearInterval(playing); playing = null; one("play").setAttribute("aria-pressed", "false"); };
  one("hour").addEventListener("input", () => { pause(); following = false; at = Number(one("hour").value); dayTold = -1; draw(); });
  one("which").addEventListener("change", () => { pause(); following = false; which = Number(one("which").value); dayTold = -1; draw(); });
  one("follow").addEventListener("click", () => { pause(); following = true; which = Math.max(0, pairs.length - 1); at = latest(pairs[which]); one("which").value = which; draw(); });
  one("play").addEventListener("click", () => {
    if (playing) { pause(); return; }
    if (following || at >= latest(pairs[which])) at = 0;
    following = false;
    one("play").setAttribute("aria-pressed", "true");
    playing = setInterval(() => { if (at >= latest(pairs[which])) pause(); else { at += 1; draw(); } }, 80);
  });
  one("by-region").addEventListener("toggle", () => { if (about) draw(); });
  document.addEventListener("spoken", () => { show(); if (about) draw(); });
  addEventListener("resize", () => { if (about) draw(); });

  // --- The people are got ready while the visitor chooses ---
  const ready = async () => {
    if (live) return;
    try {
      const {state} = await qantar.ask("POST", "/what-if/ready", {name, scale: Number(one("scale").value)});
      if (live) return;
      status(state);
      engine = state;
      if (state !== "ready") setTimeout(ready, 1000);
    } catch (error) {
      if (!error.problems) { status("lost"); return; }
      tell(error.problems.map((p) => [p.what, p.rule, p.mend].map((words) => [words, words])));
    }
  };
  one("scale").addEventListener("change", ready);

  const first = document.createElement("template");
  first.id = "said-at-first";
  first.content.append(...one("said").firstElementChild.cloneNode(true).childNodes);
  document.body.append(first);
  from(new URLSearchParams(location.search));
  show();
  bring();
  ready();
})();
