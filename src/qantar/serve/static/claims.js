// Choices are addresses: a change asks the server for the page at its new address, and puts in what is different. Without scripts links and
// a button do the same.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const main = document.getElementById("main");
  const form = document.querySelector("form.asks");
  const chosen = () => {
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) asked.append(name, value);
    return `${form.getAttribute("action")}?${asked}`;
  };
  let latest = 0;

  // `whole`: also what the form holds, when going back.
  const go = async (address, {push = true, replace = false, whole = false} = {}) => {
    const mine = ++latest;
    main.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== latest) return;
      if (!answer.ok || !page.querySelector("[data-swap]")) { location.assign(address); return; }
      const focused = document.activeElement?.id;
      if (replace) history.replaceState(null, "", address);
      else if (push) history.pushState(null, "", address);
      const parts = whole ? [main] : document.querySelectorAll("[data-swap]");
      for (const part of parts) part.innerHTML = page.getElementById(part.id)?.innerHTML ?? "";
      window.qantar.speak();
      (document.getElementById(focused) ?? document.getElementById("found"))?.focus({preventScroll: true});
    } finally {
      if (mine === latest) main.removeAttribute("aria-busy");
    }
  };

  let waiting;
  main.addEventListener("input", (event) => {
    if (!event.target.closest("form.asks") || event.target.type !== "search") return;
    clearTimeout(waiting);
    waiting = setTimeout(() => go(chosen(), {replace: true}), 250);
  });
  main.addEventListener("change", (event) => { if (event.target.closest("form.asks") && event.target.type !== "search") go(chosen()); });
  main.addEventListener("submit", (event) => { if (event.target.matches("form.asks")) { event.preventDefault(); go(chosen()); } });
  main.addEventListener("click", (event) => {
    const link = event.target.closest("a.row, a.again, a[role=switch], .map-of-argument a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  main.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches("a[role=switch], .map-of-argument a")) { event.preventDefault(); go(event.target.getAttribute("href")); }
  });
  // What a box of the map stands for is read without being chosen.
  const tell = (event) => {
    const told = document.getElementById("told");
    if (!told) return;
    const box = event.target.closest(".map-of-argument a");
    if (box) told.textContent = box.querySelector("title").textContent;
    told.hidden = !box;
  };
  main.addEventListener("pointerover", tell);
  main.addEventListener("focusin", tell);
  addEventListener("popstate", () => go(location.href, {push: false, whole: true}));
});
