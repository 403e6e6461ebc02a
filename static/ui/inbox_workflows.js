// The contact panel's workflows: fetched beside the panel, because another app serves them.

const kept = new Map();

/** Fill the panel's place for workflows, at once with what was known and then with what is so now. */
export async function showWorkflows(panel, { post, toast }) {
  const place = panel.querySelector("[data-workflows]");
  if (!place) return;
  const url = place.dataset.workflows;
  if (kept.has(url)) draw(place, kept.get(url), url, post, toast);
  await load(place, url, post, toast);
}

async function load(place, url, post, toast) {
  try {
    const reply = await fetch(url, { headers: { Accept: "text/html" } });
    if (!reply.ok) return;
    kept.clear();
    kept.set(url, await reply.text());
    draw(place, kept.get(url), url, post, toast);
  } catch {
    // It stays as it is until the panel is drawn anew.
  }
}

function draw(place, html, url, post, toast) {
  const chosen = place.querySelector("[role=tab][aria-selected=true]")?.id ?? place.dataset.chosen;
  const hadFocus = place.contains(document.activeElement) ? document.activeElement.id : "";
  const page = new DOMParser().parseFromString(html, "text/html");
  place.replaceChildren(...page.body.children);
  wireTabs(place);
  if (chosen) choose(place, place.querySelector(`#${chosen}`));
  if (hadFocus) place.querySelector(`#${hadFocus}`)?.focus();
  for (const form of place.querySelectorAll("[data-stop]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      form.querySelector("button").disabled = true;
      try {
        await post(form.action, {});
      } catch (error) {
        toast(error.message);
      }
      await load(place, url, post, toast);
      place.querySelector("[role=tab][aria-selected=true]")?.focus();
    });
  }
}

function wireTabs(place) {
  const tabs = [...place.querySelectorAll("[role=tab]")];
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(place, tab));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      const next = tabs[(index + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
      choose(place, next);
      next.focus();
    });
  }
}

function choose(place, chosen) {
  if (!chosen) return;
  place.dataset.chosen = chosen.id;
  for (const tab of place.querySelectorAll("[role=tab]")) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    place.querySelector(`#${tab.getAttribute("aria-controls")}`).hidden = !isChosen;
  }
}
