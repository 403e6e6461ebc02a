// The frame of every page: menus, dialogs, toasts, the bell, presence, and the hint that we are offline.
import { pageLive } from "./live.js";

const TOAST_STAYS = 6_000;

// Menus close on a click elsewhere and on Escape, which gives the focus back.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details.menu[open]") ?? document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// data-opens="<dialog id>" opens a dialog, data-closes closes the one around it, data-dismiss a toast.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  event.target.closest("[data-closes]")?.closest("dialog")?.close();
  event.target.closest("[data-dismiss]")?.closest("[data-toast]")?.remove();
  const copier = event.target.closest("[data-copies]");
  if (copier) copy(copier);
});

for (const dialog of document.querySelectorAll("dialog[data-open-now]")) dialog.showModal();

// A form with data-confirm asks first; a form sent once is not sent again by an impatient second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !confirm(question)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (form.method === "post" && !form.hasAttribute("hx-post")) {
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button])"))
        button.classList.add("is-busy");
    });
  }
});

addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
});

for (const toast of document.querySelectorAll("[data-toast]")) fade(toast);

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

/** Show a short message at the edge of the page; kinds are info, success, warning, error. */
export function toast(text, kind = "info") {
  const box = document.createElement("div");
  box.className = `toast toast--${kind}`;
  box.dataset.toast = "";
  const body = document.createElement("div");
  body.className = "grow";
  body.textContent = text;
  box.append(body);
  document.getElementById("toasts")?.append(box);
  fade(box);
}

function fade(box) {
  if (box.classList.contains("toast--error")) return; // errors stay until they are closed
  setTimeout(() => box.remove(), TOAST_STAYS);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  toast(button.dataset.copied ?? "✓", "success");
}

// Signed out or removed: loading the page again leads to the login; once, in case it does not.
function leave() {
  const last = Number(sessionStorage.getItem("isflow-left") ?? 0);
  if (Date.now() - last < 60_000) return;
  sessionStorage.setItem("isflow-left", String(Date.now()));
  location.reload();
}

const live = pageLive();
const bell = document.getElementById("bell");

function showUnread(number) {
  const count = bell.querySelector("[data-count]");
  count.textContent = number > 99 ? "99+" : String(number);
  count.hidden = number === 0;
  bell.setAttribute("aria-label", number ? `${bell.dataset.label} (${number})` : bell.dataset.label);
}

if (live && bell) {
  const { userId, userStream } = document.body.dataset;
  const fetchUnread = async () => {
    const answer = await fetch(`${bell.href}unread/`, { headers: { Accept: "application/json" } });
    if (answer.ok) showUnread((await answer.json()).unread);
  };
  live.subscribe(`user:${userId}`, {
    number: Number(userStream),
    onGap: fetchUnread,
    onFrame(kind, data) {
      if (kind === "notification.created") {
        fetchUnread();
        toast(data.title);
        if (document.hidden && globalThis.Notification?.permission === "granted") {
          new Notification(data.title, { body: data.body, tag: `isflow-${data.id}` });
        }
      } else if (kind === "notification.read") {
        showUnread(data.unread);
      }
    },
  });
  live.subscribe("presence", {
    number: 0,
    onFrame(_kind, data) {
      for (const dot of document.querySelectorAll(`[data-presence-of="${data.user_id}"] .dot`)) {
        dot.className = `dot dot--${data.presence}`;
      }
      if (String(data.user_id) === userId) {
        const own = document.querySelector("#me .dot");
        if (own) own.className = `dot dot--${data.presence}`;
      }
    },
  });
  const hint = document.getElementById("live-hint");
  let later;
  live.onStatus((status) => {
    clearTimeout(later);
    if (status === "denied") leave();
    else if (status === "online") hint.hidden = true;
    else later = setTimeout(() => (hint.hidden = false), 2_000); // a short break is nobody's concern
  });
}
