// What a page does beside being read: it switches between light and dark, and says that an answer is on its way.
// Nothing here is needed: without script the forms work, and the system's own light or dark holds.

const root = document.documentElement;
root.classList.add("js");

const theme = document.getElementById("theme");
const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme:dark)").matches ? "dark" : "light")) === "dark";
const name = () => { theme.textContent = isDark() ? theme.dataset.light : theme.dataset.dark; };
theme.hidden = false;
name();
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `homeroom-theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  name();
});

for (const form of document.querySelectorAll("form.controls")) {
  form.addEventListener("submit", () => {
    // What is empty, or holds anyway, says nothing and makes the address longer.
    for (const field of form.elements) {
      const holds = field.tagName === "SELECT" && field.selectedIndex === 0;
      if (field.name && (holds || !field.value.trim())) field.disabled = true;
    }
    document.querySelector(".answers")?.setAttribute("aria-busy", "true");
  });
}
// A page that is gone back to has its controls again.
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.controls [disabled]")) field.disabled = false;
  document.querySelector(".answers")?.removeAttribute("aria-busy");
});
