// Whether whoever reads this agreed to a purpose, such as "analytics". Ask before anything optional runs:
//   import { allows } from "./consent.js"; if (allows("analytics")) …
const NAME = "cookie_choice";
const QUESTION = "1";

export function allows(purpose) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${NAME}=`));
  const [question, purposes = ""] = decodeURIComponent(found?.slice(NAME.length + 1) ?? "").split(":");
  return question === QUESTION && purposes.split(".").includes(purpose);
}
