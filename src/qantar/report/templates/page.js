"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, base = document) => [...base.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  root.classList.add("scripted");

  // A page opened from a file may be refused storage; the choice then lasts as long as the page.
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not stored */ } };
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

  const speak = (lang) => {
    root.lang = lang === "zh" ? "zh-Hans" : "en";
    root.dataset.lang = lang;
    for (const element of all("[data-text-zh]")) {
      element.dataset.textEn ??= element.textContent;  // what the page was written with
      element.textContent = element.getAttribute(`data-text-${lang}`);
    }
    for (const element of all("[data-aria-label-zh]")) {
      element.dataset.ariaLabelEn ??= element.getAttribute("aria-label");
      element.setAttribute("aria-label", element.getAttribute(`data-aria-label-${lang}`));
    }
    const button = one("language");
    button.textContent = lang === "zh" ? "English" : "中文";
    button.lang = lang === "zh" ? "en" : "zh";
    document.title = `${document.querySelector("h1").querySelector(`[lang=${lang}], .any`)?.textContent || document.querySelector("h1").textContent} · qantar`;
    showCount();
    showDay();
  };

  // A page of a record alone has no claims, and nothing to search or filter them with.
  let showCount = () => {};
  let clear = () => {};
  const search = one("search");
  if (search) {
    const filters = all("[data-filter]");
    const claims = all(".claims li");
    const groups = all(".group");
    const spoken = () => `:is(span, tspan)[lang=${root.dataset.lang}], .any`;
    const wordsOf = (item) => `${item.firstElementChild.id} ${all(spoken(), item).map((e) => e.textContent).join(" ")}`.toLowerCase();
    showCount = () => {
      let shown = 0;
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of claims) {
        const fits = filters.every((f) => !f.value || item.dataset[f.dataset.filter].split(" ").includes(f.value));
        const text = words.length ? wordsOf(item) : "";
        item.hidden = !(fits && words.every((word) => text.includes(word)));
        shown += item.hidden ? 0 : 1;
      }
      const narrowed = words.length || filters.some((f) => f.value);
      for (const group of groups) {
        const some = group.querySelector(".claims li:not([hidden])");
        group.hidden = !some;
        group.open = narrowed ? Boolean(some) : (group.dataset.open ??= String(group.open)) === "true";
      }
      one("shown").textContent = root.dataset.lang === "zh" ? `显示 ${shown} / ${claims.length} 条` : `${shown} of ${claims.length} shown`;
    };
    clear = () => { for (const filter of filters) filter.value = ""; search.value = ""; showCount(); };
    for (const filter of filters) filter.addEventListener("change", showCount);
    search.addEventListener("input", showCount);
    one("reset").addEventListener("click", clear);
    for (const link of all("[data-show-flag]")) link.addEventListener("click", () => { clear(); document.querySelector("[data-filter=flags]").value = link.dataset.showFlag; showCount(); });
    one("open-all").addEventListener("click", () => {
      const boxes = all(".claims li:not([hidden]) details");
      const open = boxes.some((box) => !box.open);
      for (const box of boxes) box.open = open;
    });
  }

  const slider = one("day");
  const regions = all(".region, .chip");
  const painted = all("[data-days]");
  const stateNames = Object.fromEntries(["present", "doubtful", "absent", "missing"].map((key) => [key, document.querySelector(`.legend .key.${key}`).parentElement]));
  const outlines = [one("outline-under"), one("outline")];
  const mark = (path) => { for (const outline of outlines) outline.setAttribute("d", path ? document.querySelector(path.getAttribute("href")).getAttribute("d") : ""); };
  const chosen = one("event-region");
  const showEvents = () => {
    const day = Number(slider.value);
    const only = one("event-day").checked;
    let shown = 0;
    for (const row of all("#events tbody tr")) {
      const here = !chosen.value || row.dataset.region === chosen.value;
      const now = !only || (Number(row.dataset.from) <= day && day <= Number(row.dataset.to ?? row.dataset.from));
      row.classList.remove("other");  // as the page was written
      row.hidden = !(here && now);
      shown += row.hidden ? 0 : 1;
    }
    one("events-count").textContent = `(${shown} / ${all("#events tbody tr").length})`;
    one("events-none").hidden = shown > 0;
    for (const region of regions) region.setAttribute("aria-pressed", String(region.dataset.region === chosen.value));
    mark(regions.find((region) => region.matches("use") && region.dataset.region === chosen.value));
  };
  const showDay = () => {
    const day = slider.value;
    for (const area of painted) area.setAttribute("class", `${area.classList[0]} ${area.dataset.days.split(" ")[day]}`);
    for (const region of regions) {
      if (!region.matches("use")) continue;
      const state = all(`[lang=${root.dataset.lang}]`, stateNames[region.dataset.days.split(" ")[day]]).map((e) => e.textContent).join("");
      region.setAttribute("aria-label", `${region.getAttribute(`data-name-${root.dataset.lang}`)}: ${state}`);
    }
    for (const element of all("#day-count [data-day], .sign")) {
      element.toggleAttribute("hidden", element.dataset.day !== day);
    }
    slider.setAttribute("aria-valuetext", one("day-count").querySelector(`[data-day="${day}"] .day-name [lang=${root.dataset.lang}]`).textContent);
    showEvents();
  };
  const step = (by) => { slider.value = Number(slider.value) + by; showDay(); };
  slider.addEventListener("input", showDay);
  one("before").addEventListener("click", () => step(-1));
  one("after").addEventListener("click", () => step(1));
  chosen.addEventListener("change", showEvents);
  one("event-day").addEventListener("change", showEvents);
  one("events-all").addEventListener("click", () => { one("event-day").checked = false; showEvents(); });
  for (const region of regions) {
    const choose = () => { chosen.value = chosen.value === region.dataset.region ? "" : region.dataset.region; showEvents(); };
    region.addEventListener("click", choose);
    if (region.matches("use")) region.addEventListener("focus", () => { if (region.matches(":focus-visible")) mark(region); });
    if (region.matches("use")) region.addEventListener("blur", showEvents);
    if (region.matches("use")) region.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } });
  }

  const simulatedDay = one("day-simulated");
  if (simulatedDay) {
    const paint = () => {
      for (const area of all("[data-shares]")) area.setAttribute("fill-opacity", area.dataset.shares.trim().split(/\s+/)[simulatedDay.value]);
      for (const name of all("#day-simulated-name [data-day]")) name.hidden = name.dataset.day !== simulatedDay.value;
      simulatedDay.setAttribute("aria-valuetext", one("day-simulated-name").querySelector(`:not([hidden]) [lang=${root.dataset.lang}]`).textContent);
    };
    simulatedDay.addEventListener("input", paint);
    one("language").addEventListener("click", () => setTimeout(paint));
    paint();
  }

  const openTarget = () => {
    const target = location.hash.length > 1 && one(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("tr")) { one("event-day").checked = false; chosen.value = ""; showEvents(); }
    if (target.closest(".claims")) clear();
    for (const box of all(":scope > details", target)) box.open = true;
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);
  // The same address again changes no hash, yet the reader wants to be taken there.
  addEventListener("click", (event) => { const link = event.target.closest('a[href^="#"]:not([data-show-flag])'); if (link && link.hash === location.hash) openTarget(); });

  // The title of a source, where the pointer rests on its key.
  addEventListener("pointerover", (event) => {
    const link = event.target.closest('a[href^="#s-"]');
    const source = link && !link.title && one(decodeURIComponent(link.hash.slice(1)));
    if (source) link.title = source.querySelector("cite").textContent;
  });

  let closed = [];
  addEventListener("beforeprint", () => { closed = all("details:not([open])"); for (const box of closed) box.open = true; for (const row of all("#events tbody tr")) row.hidden = false; });
  addEventListener("afterprint", () => { for (const box of closed) box.open = false; showEvents(); });

  one("language").addEventListener("click", () => { const lang = root.dataset.lang === "zh" ? "en" : "zh"; keep("qantar-lang", lang); speak(lang); });
  one("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    keep("qantar-theme", root.dataset.theme);
  });
  if (kept("qantar-theme")) root.dataset.theme = kept("qantar-theme");
  speak(kept("qantar-lang") || (navigator.language.startsWith("zh") ? "zh" : "en"));
  openTarget();
})();
