// What the tests ask of every page beside axe-core. look() answers sentences about what is wrong; nothing is wrong with an
// empty list. It is evaluated in the page by the browser's debugger, which no content policy concerns.
(() => {
  "use strict";
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : e.name ? `[name=${e.name}]` : "") + (e.value && e.type === "radio" ? `=${e.value}` : "");
  const described = (e) => (e.getAttribute("aria-describedby") || "").split(/\s+/).filter(Boolean).map((id) => document.getElementById(id));
  const controls = () => all("a[href], button:not(:disabled), input:not([type=hidden]):not(:disabled), select, textarea, summary, [tabindex='0']").filter(shown);

  const frame = (wrong, language) => {
    if (document.documentElement.lang !== language) wrong.push(`the page says it is in ${document.documentElement.lang}, not ${language}`);
    if (!/^\S.* – Portvakt$/.test(document.title)) wrong.push(`the title is ${document.title}`);
    const h1 = all("h1").filter(shown);
    if (h1.length !== 1 || !h1[0].innerText.trim()) wrong.push(`${h1.length} headings of the first level`);
    if (all("main").length !== 1) wrong.push("not one main part");
  };

  const width = (wrong) => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return;
    const wide = all("body *").filter((e) => shown(e) && e.getBoundingClientRect().right > room + 0.5);
    wrong.push(`it scrolls sideways at ${room} px: ${wide.slice(-3).map(name).join(", ")}`);
  };

  // Spacing as people set it who read with difficulty (WCAG 1.4.12).
  const spaced = (wrong) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }");
    document.adoptedStyleSheets = [sheet];
    const found = [];
    width(found);
    clipped(found);
    wrong.push(...found.map((w) => `with wide spacing ${w}`));
    document.adoptedStyleSheets = [];
  };

  const clipped = (wrong) => {
    for (const e of all("a, button, label, p, li, dd, dt, h1, h2, b, span, code, .badge").filter(shown)) {
      if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "hidden") wrong.push(`${name(e)} is cut off`);
    }
  };

  // A word of ours is never broken but where it says it may be. (Words from outside are broken where they must be.)
  const broken = (wrong) => {
    for (const e of all("h1, h2, .button, label, .tabs a, .languages a").filter(shown)) {
      for (const node of [...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE)) {
        for (const word of node.data.matchAll(/[^\s\u00ad-]+/g)) {
          if (node.data[word.index - 1] === "\u00ad") continue; // its rectangles begin with the hyphen of the line before
          const range = document.createRange();
          range.setStart(node, word.index);
          range.setEnd(node, word.index + word[0].length);
          const lines = new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top)));
          if (lines.size > 1) wrong.push(`"${word[0]}" is broken`);
        }
      }
    }
  };

  const size = (wrong) => {
    for (const e of controls()) {
      const box = (e.closest("label") || e).getBoundingClientRect();
      const inline = e.tagName === "A" && getComputedStyle(e).display === "inline"; // a link in a sentence
      if (!inline && (box.width < 24 || box.height < 24)) wrong.push(`${name(e)} is ${Math.round(box.width)} × ${Math.round(box.height)}`);
    }
  };

  const fields = (wrong) => {
    for (const e of all("input:not([type=hidden]), select, textarea").filter(shown)) {
      if (!e.labels.length && !e.getAttribute("aria-label")) wrong.push(`${name(e)} has no label`);
      if (described(e).includes(null)) wrong.push(`${name(e)} is described by nothing`);
      const problems = described(e).filter((d) => d && (d.matches(".problem") || d.matches(".notice.error")) && d.innerText.trim());
      if (e.getAttribute("aria-invalid") === "true" && !problems.length) wrong.push(`${name(e)} is wrong, and nothing tells why`);
    }
    for (const p of all(".problem").filter(shown)) {
      const told = all("[aria-invalid=true]").some((e) => described(e).includes(p));
      if (!told && p.getAttribute("role") !== "alert") wrong.push(`${name(p)} belongs to no field`);
    }
  };

  // Whoever cannot see the page hears what has the focus when it opens: what is wrong, or what was done, must be in it.
  const focus = (wrong) => {
    if (all("[autofocus]").length > 1) wrong.push("more than one element wants the focus");
    const here = document.activeElement;
    const invalid = all("[aria-invalid=true]").filter(shown)[0];
    const notice = document.getElementById("notice");
    const told = described(here).some((d) => d && d.matches(".problem") && d.innerText.trim()); // two fields can share a problem
    if (invalid && here !== invalid && !told) wrong.push(`${name(invalid)} is wrong, but the focus is at ${name(here)}`);
    if (notice && !invalid && here !== notice && !described(here).includes(notice)) wrong.push(`the focus is at ${name(here)}, which does not tell the notice`);
    if (notice && !["alert", "status"].includes(notice.getAttribute("role"))) wrong.push("the notice has no role");
  };

  // The browser moves the focus a moment after the page is there.
  const settled = async () => {
    const wants = document.querySelector("[autofocus]");
    for (let n = 0; n < 200 && wants && document.activeElement !== wants; n++) await new Promise((done) => setTimeout(done, 10));
  };

  const look = async (language, plain) => {
    const wrong = [];
    await settled();
    frame(wrong, language);
    for (const check of [width, clipped, plain && broken, size, fields, focus, spaced]) if (check) check(wrong);
    for (const v of window.portvaktViolations || []) wrong.push(`the content policy is violated: ${v}`);
    return wrong;
  };

  // watch records what the focus goes through; missed tells which control it has not come to, or cannot be seen at.
  const visits = [];
  const group = (e) => all(`input[type=radio][name="${e.name}"]`); // one stop; the arrow keys go on
  const stop = (e) => e.type !== "radio" || (group(e).find((r) => r.checked) || group(e)[0]) === e;
  const reachable = () => controls().filter((e) => e.tabIndex >= 0 && stop(e));
  const visible = (e) => [e, e.closest(".choice")].some((x) => x && getComputedStyle(x).outlineStyle !== "none" && parseFloat(getComputedStyle(x).outlineWidth) >= 2);
  const watch = () => {
    document.addEventListener("focusin", (event) => visits.push({ element: event.target, seen: visible(event.target) }));
    return reachable().length;
  };
  const missed = () => {
    const wrong = [];
    const want = reachable();
    const order = visits.map((v) => v.element).filter((e, i, list) => list.indexOf(e) === i && want.includes(e));
    for (const e of want) if (!order.includes(e) && e !== document.activeElement) wrong.push(`the Tab key does not come to ${name(e)}`);
    for (const v of visits) if (!v.seen && v.element.tabIndex >= 0) wrong.push(`the focus cannot be seen at ${name(v.element)}`);
    const at = want.indexOf(order[0]);
    const round = [...want.slice(at), ...want.slice(0, at)].filter((e) => order.includes(e));
    if (round.some((e, i) => e !== order[i])) wrong.push(`the Tab key goes ${order.map(name).join(", ")}`);
    return wrong;
  };

  const judge = async (rules) => {
    const run = rules.length ? { runOnly: { type: "rule", values: rules } }
      : { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };
    const result = await axe.run(document, { ...run, resultTypes: ["violations"] });
    return result.violations.map((v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + n.failureSummary.replace(/\s+/g, " ")).join("; ")})`);
  };

  globalThis.portvakt = { look, watch, missed, judge };
})();
