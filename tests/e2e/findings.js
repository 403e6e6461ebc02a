// Evaluated in a page: what people who do not see or point would miss, one line each.
() => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[aria-hidden=true]");
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const text = (id) => document.getElementById(id)?.textContent.trim();
  const name = (node) =>
    node.getAttribute("aria-label")?.trim() ||
    (node.getAttribute("aria-labelledby") || "").split(" ").map(text).join("") ||
    [...(node.labels || [])].map((label) => label.textContent.trim()).join("") ||
    (/^(A|BUTTON|SUMMARY)$/.test(node.tagName) ? node.innerText.trim() : "");
  const found = [];
  const tell = (rule, node) => found.push(`${rule}: ${node.outerHTML.slice(0, 120)}`);
  for (const node of all("input:not([type=hidden]), select, textarea")) if (!name(node)) tell("label", node);
  for (const node of all("button, a[href], summary")) if (!name(node)) tell("name", node);
  for (const node of all("img")) if (!node.hasAttribute("alt")) tell("alt", node);
  for (const node of all("iframe")) if (!node.title) tell("title", node);
  for (const node of all("button, a[href], summary, input:not([type=radio], [type=checkbox]), select")) {
    const box = node.getBoundingClientRect();
    const inText = getComputedStyle(node).display === "inline";
    if (!inText && box.width && (box.width < 24 || box.height < 24)) tell("target under 24 px", node);
  }
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) found.push(`id twice: ${id}`);
  if (all("main").length !== 1) found.push(`main: ${all("main").length}`);
  if (all("h1").length !== 1) found.push(`h1: ${all("h1").length}`);
  const levels = all("h1, h2, h3, h4").map((node) => Number(node.tagName[1]));
  levels.forEach((level, index) => index && level > levels[index - 1] + 1 && found.push(`headings: ${levels}`));
  if (!document.documentElement.lang) found.push("lang");
  for (const node of all("p, span, a, button, li, h1, h2, h3, label, time, dt, dd, summary")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
    const ratio = contrast(node);
    if (ratio && ratio < 4.5) tell(`contrast ${ratio.toFixed(2)}`, node);
  }
  return found;

  function contrast(node) {
    const style = getComputedStyle(node);
    if (node.closest(":disabled, [aria-disabled=true]") || node.matches("input:disabled + span")) return null;
    let back = node;
    while (back && parse(getComputedStyle(back).backgroundColor)[3] < 1) {
      if (getComputedStyle(back).backgroundImage !== "none") return null;
      back = back.parentElement;
    }
    const behind = back ? parse(getComputedStyle(back).backgroundColor) : [255, 255, 255, 1];
    const [light, dark] = [luminance(parse(style.color)), luminance(behind)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }
  function parse(colour) {
    const canvas = (window.__canvas ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }));
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }
  function luminance([r, g, b]) {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  }
}
