// The search box: every word must occur in an event's name, properties, owner, tags or words; the address keeps it.
(() => {
  const box = document.querySelector("#search");
  const found = document.querySelector("#found");
  const events = [...document.querySelectorAll("article")].map((article) => ({
    article,
    link: document.querySelector(`nav a[href="#${CSS.escape(article.id)}"]`).parentElement,
    words: article.dataset.words,
  }));
  const groups = [...document.querySelectorAll("[data-category]")];

  const search = () => {
    const asked = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { article, link, words } of events) {
      const hit = asked.every((word) => words.includes(word));
      article.hidden = link.hidden = !hit;
      count += hit;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector("article:not([hidden]), li:not([hidden])");
    }
    found.textContent = asked.length ? `${count || "No"} of ${events.length} events` : "";
    const address = new URL(location.href);
    if (asked.length) address.searchParams.set("q", box.value); else address.searchParams.delete("q");
    try { history.replaceState(null, "", address); } catch { /* a page opened from a file may not be allowed to */ }
  };

  box.addEventListener("input", search);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== box) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape" && document.activeElement === box) {
      box.value = "";
      search();
    }
  });
  box.value = new URL(location.href).searchParams.get("q") || "";
  search();
})();
