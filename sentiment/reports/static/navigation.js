// Links and number keys lead from section to section; the link of the section in view is marked.
const pageSections = [...document.querySelectorAll("section[id]")];
const sectionLinks = [...document.querySelectorAll("nav a")];

function goToSection(section) {
  section.scrollIntoView({ block: "start" });
  markSectionInView();
}

function indexInView() {
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  if (atEnd) return pageSections.length - 1;
  const passed = pageSections.filter(
    (section) => section.getBoundingClientRect().top < innerHeight / 3,
  );
  return Math.max(0, passed.length - 1);
}

function markSectionInView() {
  const inView = indexInView();
  pageSections.forEach((section, index) => {
    section.toggleAttribute("data-in-view", index === inView);
    if (index === inView) sectionLinks[index].setAttribute("aria-current", "true");
    else sectionLinks[index].removeAttribute("aria-current");
  });
}

sectionLinks.forEach((link, index) => {
  link.addEventListener("click", (event) => {
    // In a frame without an address of its own a fragment would leave the page.
    event.preventDefault();
    goToSection(pageSections[index]);
  });
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) return;
  const section = pageSections[Number(event.key) - 1];
  if (section) goToSection(section);
});

addEventListener("scroll", markSectionInView, { passive: true });
addEventListener("resize", markSectionInView, { passive: true });
document.addEventListener("plots-ready", markSectionInView);
markSectionInView();
