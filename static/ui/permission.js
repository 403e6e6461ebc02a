// Asks the browser for leave to show notifications while the page is in the background.
const button = document.getElementById("browser-notifications");
if (globalThis.Notification?.permission === "default") button.hidden = false;
button.addEventListener("click", async () => {
  await Notification.requestPermission();
  button.hidden = true;
});
