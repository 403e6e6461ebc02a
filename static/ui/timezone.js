// Preselects the browser's time zone in a new workspace's form.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const select = document.querySelector("select[name=timezone]");
if (select?.value === "UTC" && select.querySelector(`option[value="${CSS.escape(zone)}"]`))
  select.value = zone;
