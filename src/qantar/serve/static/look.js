// Language and colours of every page, chosen once for all; before anything is drawn, so that nothing flickers.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* refused: the choice lasts as long as the page */ } };
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const named = {text: "textContent", "aria-label": "ariaLabel", placeholder: "placeholder", title: "title"};

  const speak = (lang) => {
    root.lang = lang === "zh" ? "zh-Hans" : "en";
    root.dataset.lang = lang;
    for (const [name, property] of Object.entries(named)) {
      for (const element of document.querySelectorAll(`[data-${name}-zh]`)) {
        const english = `data-${name}-en`;
        if (!element.hasAttribute(english)) element.setAttribute(english, element[property]);
        element[property] = element.getAttribute(`data-${name}-${lang}`);
      }
    }
    const button = document.getElementById("language");
    if (button) {
      button.textContent = lang === "zh" ? "English" : "中文";
      button.lang = lang === "zh" ? "en" : "zh";
    }
    const heading = document.querySelector("h1");
    if (heading) document.title = `${(heading.querySelector(`[lang=${lang}]`) ?? heading).textContent} · qantar`;
    document.dispatchEvent(new CustomEvent("spoken", {detail: lang}));
  };

  if (kept("qantar-theme")) root.dataset.theme = kept("qantar-theme");
  root.dataset.lang = kept("qantar-lang") || (navigator.language.startsWith("zh") ? "zh" : "en");
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("language").addEventListener("click", () => { const lang = root.dataset.lang === "zh" ? "en" : "zh"; keep("qantar-lang", lang); speak(lang); });
    document.getElementById("theme").addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      keep("qantar-theme", root.dataset.theme);
    });
    speak(root.dataset.lang);
  });

  // What every script of ours shares: asking the server, and telling its mistakes.
  window.qantar = {
    lang: () => root.dataset.lang,
    // Puts what a script has added into the language shown.
    speak: () => speak(root.dataset.lang),
    // A sentence that the page brings for its script, in the language shown, with its {names} filled in.
    say: (word, values = {}) => {
      const said = document.querySelector(`[data-says="${word}"]`);
      const text = (said.querySelector(`:scope > [lang=${root.dataset.lang}]`) ?? said).textContent;
      return text.replace(/\{(\w+)\}/g, (whole, field) => values[field] ?? whole);
    },
    ask: async (method, path, body) => {
      const headers = {"X-Qantar": "1", "Accept-Language": root.dataset.lang};
      const raw = body instanceof Blob || body instanceof ArrayBuffer;
      if (body !== undefined && !raw) headers["Content-Type"] = "application/json";
      const answer = await fetch(`/api${path}`, {method, headers, body: body === undefined || raw ? body : JSON.stringify(body)});
      const said = await answer.json();
      if (!answer.ok) throw Object.assign(new Error(said.error.problems.map((p) => `${p.file}: ${p.what} ${p.rule} ${p.mend}`).join("\n")), {problems: said.error.problems, status: answer.status});
      return said;
    },
  };
})();
